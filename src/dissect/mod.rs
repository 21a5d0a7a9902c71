//! One file per protocol, registered in one list.
//!
//! A dissector is a pure function from the prefix of a flow to facts. The order of [`ALL`] is the
//! order of the questions: the surer the evidence, the earlier.

mod afp;
mod ajp;
mod amqp;
mod bacnet;
mod ber;
mod bfd;
pub mod bittorrent;
mod bjnp;
mod c1222;
mod c37118;
mod capwap;
mod cassandra;
mod chat;
mod checkmk;
mod cnp_ip;
mod coap;
mod collectd;
mod corba;
mod cpha;
mod crc;
mod database;
mod dcerpc;
mod desktop;
mod dhcp;
mod diameter;
mod dlms;
mod dnp3;
mod dns;
mod dnscrypt;
mod drda;
mod dtls;
mod egd;
mod elastic;
mod ethernet_ip;
mod ethersio;
mod fastcgi;
mod fins;
mod fix;
mod gearman;
mod gtp;
mod haproxy;
mod hart_ip;
mod hislip;
mod hsrp;
mod http;
mod iec104;
mod ike;
mod inner;
mod ip;
mod iscsi;
mod kafka;
mod kismet;
mod knx;
mod l2tp;
mod ldp;
mod lifx;
mod lisp;
mod llmnr;
mod lotus;
mod lpd;
mod lustre;
mod mail;
mod mdns;
mod meraki;
mod miio;
mod mndp;
mod mqtt;
mod munin;
mod nat_pmp;
mod nats;
mod netbios;
mod netflow;
mod nntp;
mod ntp;
mod opcua;
mod opening;
mod openvpn;
mod openwire;
mod oracle;
mod pfcp;
mod pptp;
mod ptp;
mod quic;
mod radius;
mod raft;
mod rip;
mod rmcp;
mod rpc;
mod rsh;
mod rtp;
mod rtps;
mod rx;
#[cfg(test)]
mod sample;
mod sap;
mod sflow;
mod shp;
mod sides;
mod sip;
mod skinny;
mod slp;
mod smb;
mod smpp;
mod someip;
mod sonic;
mod ssdp;
mod ssh;
mod stagelight;
mod stomp;
mod stun;
mod syslog;
mod tacacs;
mod tank_gauge;
mod tds;
mod teredo;
#[cfg(test)]
mod testing;
mod tftp;
mod thrift;
mod tinc;
mod tls;
mod tpkt;
mod trdp;
mod tuya;
mod ubnt;
mod uftp;
mod vmware;
mod vxlan;
mod wireguard;
mod wsd;
mod xdmcp;
mod z3950;
mod zabbix;
mod zmq;

use crate::bytes::Stop;
use crate::facts::{Facts, Lesson, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Knows one protocol, or one family of them.
#[derive(Debug)]
pub struct Dissector {
    /// The file's name.
    pub name: &'static str,
    /// What carries it.
    pub over: &'static [Transport],
    /// Every protocol it can answer.
    pub protocols: &'static [&'static Protocol],
    /// The question. Pure; called again with a longer prefix after `NeedMore` or `pending`.
    pub dissect: fn(&Prefix<'_>) -> Result<Facts, Stop>,
    /// Reads what a packet of a flow of its own teaches about other flows. Called for every
    /// packet of such a flow, so the kernel is asked to keep sending them.
    pub teach: Option<fn(&Prefix<'_>, &mut Vec<Lesson>)>,
}

/// Every dissector there is.
#[rustfmt::skip]
pub static ALL: &[&Dissector] = &[
    &bittorrent::BITTORRENT,
    &tls::TLS,
    &opening::OPENING,
    &http::HTTP,
    &ssh::SSH,
    &stun::STUN,
    &quic::QUIC,
    &dtls::DTLS,
    &mdns::MDNS,
    &llmnr::LLMNR,
    &netbios::NETBIOS,
    &dnscrypt::DNSCRYPT,
    &dns::DNS,
    &dhcp::DHCP,
    &ssdp::SSDP,
    &ike::IKE,
    &ntp::NTP,
    &wireguard::WIREGUARD,
    &openvpn::OPENVPN,
    &sip::SIP,
    &mail::MAIL,
    &chat::CHAT,
    &mqtt::MQTT,
    &smb::SMB,
    &desktop::DESKTOP,
    &database::DATABASE,
    &rpc::ONC_RPC,
    &teredo::TEREDO,
    &vxlan::VXLAN,
    &syslog::SYSLOG,
    &ber::BER,
    &tftp::TFTP,
    &radius::RADIUS,
    &coap::COAP,
    &netflow::NETFLOW,
    &sflow::SFLOW,
    &bacnet::BACNET,
    &dnp3::DNP3,
    &iec104::IEC104,
    &ethernet_ip::ETHERNET_IP,
    &hart_ip::HART_IP,
    &hislip::HISLIP,
    &c37118::C37118,
    &knx::KNX,
    &dlms::DLMS,
    &c1222::C1222,
    &tank_gauge::TANK_GAUGE,
    &cnp_ip::CNP_IP,
    &egd::EGD,
    &ethersio::ETHERSIO,
    &trdp::TRDP,
    &tpkt::TPKT,
    &dcerpc::DCERPC,
    &opcua::OPCUA,
    &fins::FINS,
    &someip::SOMEIP,
    &slp::SLP,
    &bjnp::BJNP,
    &gtp::GTP,
    &hsrp::HSRP,
    &wsd::WSD,
    &rx::RX,
    &collectd::COLLECTD,
    &lisp::LISP,
    &munin::MUNIN,
    &nat_pmp::NAT_PMP,
    &capwap::CAPWAP,
    &skinny::SKINNY,
    &ldp::LDP,
    &uftp::UFTP,
    &diameter::DIAMETER,
    &meraki::MERAKI,
    &pfcp::PFCP,
    &rtps::RTPS,
    &iscsi::ISCSI,
    &ajp::AJP,
    &fix::FIX,
    &lustre::LUSTRE,
    &rsh::RSH,
    &raft::RAFT,
    &tinc::TINC,
    &afp::AFP,
    &cpha::CPHA,
    &drda::DRDA,
    &gearman::GEARMAN,
    &haproxy::HAPROXY,
    &openwire::OPENWIRE,
    &oracle::ORACLE,
    &smpp::SMPP,
    &stomp::STOMP,
    &tuya::TUYA,
    &shp::SHP,
    &amqp::AMQP,
    &cassandra::CASSANDRA,
    &tds::TDS,
    &zmq::ZMQ,
    &nats::NATS,
    &zabbix::ZABBIX,
    &checkmk::CHECKMK,
    &xdmcp::XDMCP,
    &lpd::LPD,
    &rmcp::RMCP,
    &pptp::PPTP,
    &l2tp::L2TP,
    &kismet::KISMET,
    &fastcgi::FASTCGI,
    &thrift::THRIFT,
    &elastic::ELASTIC,
    &z3950::Z3950,
    &corba::CORBA,
    &ubnt::UBNT,
    &mndp::MNDP,
    &nntp::NNTP,
    &vmware::VMWARE,
    &rip::RIP,
    &ptp::PTP,
    &tacacs::TACACS,
    &stagelight::STAGELIGHT,
    &lifx::LIFX,
    &miio::MIIO,
    &bfd::BFD,
    &kafka::KAFKA,
    &sonic::SONIC,
    &sap::SAP,
    &lotus::LOTUS,
    &rtp::RTP,
    &ip::IP,
];
