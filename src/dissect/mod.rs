//! One file per protocol, registered in one list.
//!
//! A dissector is a pure function from the prefix of a flow to facts. The order of [`ALL`] is the
//! order of the questions: the surer the evidence, the earlier.

mod afp;
mod ajp;
mod alibaba;
mod amqp;
mod bacnet;
mod ber;
mod bfcp;
pub mod bittorrent;
mod bjnp;
mod c1222;
mod c37118;
mod capwap;
mod cassandra;
mod chat;
mod checkmk;
mod citrix;
mod cnp_ip;
mod coap;
mod collectd;
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
mod eaq;
mod egd;
mod ethernet_ip;
mod ethersio;
mod fins;
mod fix;
mod flowlog;
mod gateway;
mod gearman;
mod gtp;
mod haproxy;
mod hart_ip;
mod hislip;
mod hsrp;
mod http;
mod iax;
mod iec104;
mod ike;
mod ip;
mod iscsi;
mod knx;
mod ldp;
mod lisp;
mod llmnr;
mod lustre;
mod mail;
mod mdns;
mod meraki;
mod mqtt;
mod munin;
mod nat_pmp;
mod nats;
mod netbios;
mod ntp;
mod opcua;
mod opening;
mod openvpn;
mod openwire;
mod oracle;
mod pfcp;
mod quic;
mod radius;
mod raft;
mod ripeatlas;
mod rpc;
mod rsh;
mod rtp;
mod rtps;
mod rx;
#[cfg(test)]
mod sample;
mod shp;
mod sides;
mod sip;
mod skinny;
mod slp;
mod smb;
mod smpp;
mod someip;
mod ssdp;
mod ssh;
mod stomp;
mod stun;
mod syslog;
mod tank_gauge;
mod tds;
#[cfg(test)]
mod testing;
mod tftp;
mod tinc;
mod tls;
mod tpkt;
mod trdp;
mod tunnel;
mod tuya;
mod uftp;
mod virtgrp;
mod wireguard;
mod wsd;
mod zabbix;
mod zmq;
mod zug;

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
    &tunnel::TUNNEL,
    &syslog::SYSLOG,
    &ber::BER,
    &tftp::TFTP,
    &radius::RADIUS,
    &coap::COAP,
    &flowlog::FLOWLOG,
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
    &eaq::EAQ,
    &alibaba::ALIBABA,
    &bjnp::BJNP,
    &virtgrp::VIRTGRP,
    &gtp::GTP,
    &ripeatlas::RIPEATLAS,
    &hsrp::HSRP,
    &wsd::WSD,
    &zug::ZUG,
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
    &iax::IAX,
    &meraki::MERAKI,
    &pfcp::PFCP,
    &rtps::RTPS,
    &iscsi::ISCSI,
    &gateway::GATEWAY,
    &ajp::AJP,
    &bfcp::BFCP,
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
    &citrix::CITRIX,
    &rtp::RTP,
    &ip::IP,
];
