//! One file per protocol, registered in one list.
//!
//! A dissector is a pure function from the prefix of a flow to facts. The order of [`ALL`] is the
//! order of the questions: the surer the evidence, the earlier.

mod activision;
mod afp;
mod agora;
mod ajp;
mod alicloud;
mod amongus;
mod amqp;
mod bacnet;
mod battlenet;
mod ber;
mod bfcp;
mod bfd;
mod bitcoin;
pub mod bittorrent;
mod bjnp;
mod c1222;
mod c37118;
mod capwap;
mod cassandra;
mod cdp;
mod chat;
mod checkmk;
mod citrix;
mod cnp_ip;
mod coap;
mod collectd;
mod corba;
mod cpha;
mod crc;
mod crynet;
mod database;
mod dcerpc;
mod desktop;
mod dhcp;
mod diameter;
mod directconnect;
mod discord;
mod dlms;
mod dnp3;
mod dns;
mod dnscrypt;
mod drda;
mod dropbox;
mod dtls;
mod eaq;
mod edonkey;
mod egd;
mod elastic;
mod enet;
mod ethereum;
mod ethernet_ip;
mod ethersio;
mod fastcgi;
mod fins;
pub mod first;
mod fix;
mod gearman;
mod genshin;
mod gtp;
mod h323;
mod haproxy;
mod hart_ip;
mod hislip;
mod hpvirtgrp;
mod hsrp;
mod http;
mod iax;
mod icecast;
mod iec104;
mod ike;
mod inner;
mod ip;
mod iscsi;
mod jsonrpc;
mod kafka;
mod kcp;
mod kismet;
mod knx;
mod l2tp;
mod ldp;
mod libp2p;
mod lifx;
mod lisp;
mod llmnr;
mod lotus;
mod lpd;
mod lustre;
mod mail;
mod mdns;
mod megaco;
mod meraki;
mod mgcp;
mod miio;
mod minecraft;
mod mining;
mod mndp;
mod monero;
mod mpegts;
mod mqtt;
mod msdo;
mod mumble;
mod munin;
mod nat_pmp;
mod nats;
mod netbios;
mod netflow;
mod nintendo;
mod nntp;
#[cfg(test)]
mod noise;
mod nomachine;
mod ntp;
mod oicq;
mod ookla;
mod opcua;
mod opening;
mod openvpn;
mod openwire;
mod oracle;
mod part;
mod pfcp;
mod photon;
mod playstation;
mod ppstream;
mod pptp;
mod ptp;
mod quake;
mod quic;
mod radius;
mod raft;
mod raknet;
mod riot;
mod rip;
mod ripeatlas;
mod rmcp;
mod roon;
mod rpc;
mod rsh;
mod rtp;
mod rtps;
mod rx;
mod samp;
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
mod soulseek;
mod spice;
mod spotify;
mod srt;
mod ssdp;
mod ssh;
mod stagelight;
mod stomp;
mod stun;
mod syncthing;
mod syslog;
mod tacacs;
mod tank_gauge;
mod tds;
mod teamspeak;
mod teamviewer;
mod telegram;
mod teredo;
mod terraria;
mod teso;
#[cfg(test)]
mod testing;
mod tftp;
mod thrift;
mod tinc;
mod tivo;
mod tls;
mod tpkt;
mod trdp;
mod tuya;
mod ubnt;
mod uftp;
mod vmware;
mod vxlan;
mod websocket;
mod whatsapp;
mod wireguard;
mod wow;
mod wsd;
mod x11;
mod xbox;
mod xdmcp;
mod xiaomi;
mod z3950;
mod zabbix;
mod zmq;
mod zoom;
mod zug;

pub use part::Part;

use crate::bytes::Stop;
use crate::facts::{Facts, Lesson, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;
use sides::require;

/// Knows one protocol, or one family of them.
#[derive(Debug)]
pub struct Dissector {
    /// The file's name.
    pub name: &'static str,
    /// What carries it.
    pub over: &'static [Transport],
    /// Every protocol it can answer.
    pub protocols: &'static [&'static Protocol],
    /// How it asks.
    pub question: Question,
    /// Reads what a packet of a flow of its own teaches about other flows. Called for every
    /// packet of such a flow, so the kernel is asked to keep sending them.
    pub teach: Option<fn(&Prefix<'_>, &mut Vec<Lesson>)>,
}

/// A pure function of the prefix or of its parts. Most learn the protocol and nothing else; what all
/// of them would do around that is done once, in [`Dissector::dissect`].
#[derive(Debug)]
pub enum Question {
    /// Of the whole prefix; a yes brings facts.
    Facts(fn(&Prefix<'_>) -> Result<Facts, Stop>),
    /// Of the whole prefix; a yes means the first of the protocols.
    Flow(fn(&Prefix<'_>) -> Result<(), Stop>),
    /// Of each side of a stream or each datagram by itself; the first yes means the first of the
    /// protocols. Without one, any no is a no.
    Part(fn(&mut Part<'_>) -> Result<(), Stop>),
    /// The same, of flows with one of these ports alone.
    PartAt(&'static [u16], fn(&mut Part<'_>) -> Result<(), Stop>),
    /// As `Part`, and a yes says which protocol.
    Which(fn(&mut Part<'_>) -> Result<&'static Protocol, Stop>),
    /// The same, of flows with one of these ports alone.
    WhichAt(&'static [u16], fn(&mut Part<'_>) -> Result<&'static Protocol, Stop>),
}

impl Dissector {
    /// Asks the question; again with a longer prefix after `NeedMore` or `pending`.
    pub fn dissect(&self, prefix: &Prefix<'_>) -> Result<Facts, Stop> {
        let at = |ports: &[u16]| require(ports.iter().any(|&port| prefix.has_port(port)));
        let which = |question| part::ask(prefix, question).map(Facts::of);
        match self.question {
            Question::Facts(question) => return question(prefix),
            Question::Which(question) => return which(question),
            Question::WhichAt(ports, question) => return at(ports).and_then(|()| which(question)),
            Question::Flow(question) => question(prefix),
            Question::Part(question) => part::ask(prefix, question),
            Question::PartAt(ports, question) => {
                at(ports).and_then(|()| part::ask(prefix, question))
            }
        }?;
        self.protocols.first().map(|protocol| Facts::of(protocol)).ok_or(Stop::NotMine)
    }
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
    &discord::DISCORD,
    &telegram::TELEGRAM,
    &dropbox::DROPBOX,
    &spotify::SPOTIFY,
    &whatsapp::WHATSAPP,
    &xiaomi::XIAOMI,
    &teamviewer::TEAMVIEWER,
    &teamspeak::TEAMSPEAK,
    &nomachine::NOMACHINE,
    &agora::AGORA,
    &oicq::OICQ,
    &bitcoin::BITCOIN,
    &monero::MONERO,
    &ethereum::ETHEREUM,
    &mining::MINING,
    &jsonrpc::JSONRPC,
    &zug::ZUG,
    &syncthing::SYNCTHING,
    &edonkey::EDONKEY,
    &soulseek::SOULSEEK,
    &directconnect::DIRECTCONNECT,
    &raknet::RAKNET,
    &minecraft::MINECRAFT,
    &enet::ENET,
    &photon::PHOTON,
    &battlenet::BATTLENET,
    &wow::WOW,
    &zoom::ZOOM,
    &mpegts::MPEGTS,
    &tivo::TIVO,
    &icecast::ICECAST,
    &ookla::OOKLA,
    &alicloud::ALICLOUD,
    &ripeatlas::RIPEATLAS,
    &hpvirtgrp::HPVIRTGRP,
    &eaq::EAQ,
    &websocket::WEBSOCKET,
    &crynet::CRYNET,
    &activision::ACTIVISION,
    &riot::RIOT,
    &teso::TESO,
    &amongus::AMONGUS,
    &kcp::KCP,
    &genshin::GENSHIN,
    &nintendo::NINTENDO,
    &xbox::XBOX,
    &cdp::CDP,
    &playstation::PLAYSTATION,
    &ppstream::PPSTREAM,
    &bfcp::BFCP,
    &iax::IAX,
    &mgcp::MGCP,
    &megaco::MEGACO,
    &h323::H323,
    &mumble::MUMBLE,
    &srt::SRT,
    &terraria::TERRARIA,
    &samp::SAMP,
    &quake::QUAKE,
    &libp2p::LIBP2P,
    &msdo::MSDO,
    &spice::SPICE,
    &x11::X11,
    &citrix::CITRIX,
    &roon::ROON,
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
    &bittorrent::ENCRYPTED,
];
