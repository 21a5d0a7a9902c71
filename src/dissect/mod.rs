//! One file per protocol, registered in one list.
//!
//! A dissector is a pure function from the prefix of a flow to facts. The order of [`ALL`] is the
//! order of the questions: the surer the evidence, the earlier.

mod ber;
pub mod bittorrent;
mod chat;
mod coap;
mod database;
mod desktop;
mod dhcp;
mod dns;
mod dnscrypt;
mod dtls;
mod flowlog;
mod http;
mod ike;
mod ip;
mod llmnr;
mod mail;
mod mdns;
mod mqtt;
mod netbios;
mod ntp;
mod opening;
mod openvpn;
mod quic;
mod radius;
mod rpc;
mod rtp;
#[cfg(test)]
mod sample;
mod sides;
mod sip;
mod smb;
mod ssdp;
mod ssh;
mod stun;
mod syslog;
#[cfg(test)]
mod testing;
mod tftp;
mod tls;
mod tunnel;
mod wireguard;

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
    &rtp::RTP,
    &ip::IP,
    &bittorrent::ENCRYPTED,
];
