//! One file per protocol, registered in one list.
//!
//! A dissector is a pure function from the prefix of a flow to facts. The order of [`ALL`] is the
//! order of the questions: the surer the evidence, the earlier.

mod activision;
mod agora;
mod alicloud;
mod amongus;
mod battlenet;
mod ber;
mod bfcp;
mod bitcoin;
pub mod bittorrent;
mod cdp;
mod chat;
mod citrix;
mod coap;
mod crynet;
mod database;
mod desktop;
mod dhcp;
mod directconnect;
mod discord;
mod dns;
mod dnscrypt;
mod dropbox;
mod dtls;
mod eaq;
mod edonkey;
mod enet;
mod ethereum;
mod flowlog;
mod genshin;
mod h323;
mod hpvirtgrp;
mod http;
mod iax;
mod icecast;
mod ike;
mod ip;
mod jsonrpc;
mod kcp;
mod libp2p;
mod llmnr;
mod mail;
mod mdns;
mod megaco;
mod mgcp;
mod minecraft;
mod mining;
mod monero;
mod mpegts;
mod mqtt;
mod msdo;
mod mumble;
mod netbios;
mod nintendo;
#[cfg(test)]
mod noise;
mod nomachine;
mod ntp;
mod oicq;
mod ookla;
mod opening;
mod openvpn;
mod photon;
mod playstation;
mod ppstream;
mod quake;
mod quic;
mod radius;
mod raknet;
mod riot;
mod ripeatlas;
mod roon;
mod rpc;
mod rtp;
mod samp;
#[cfg(test)]
mod sample;
mod sides;
mod sip;
mod smb;
mod soulseek;
mod spice;
mod spotify;
mod srt;
mod ssdp;
mod ssh;
mod stun;
mod syncthing;
mod syslog;
mod teamspeak;
mod teamviewer;
mod telegram;
mod terraria;
mod teso;
#[cfg(test)]
mod testing;
mod tftp;
mod tivo;
mod tls;
mod tunnel;
mod websocket;
mod whatsapp;
mod wireguard;
mod wow;
mod x11;
mod xbox;
mod xiaomi;
mod zoom;
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
    &tunnel::TUNNEL,
    &syslog::SYSLOG,
    &ber::BER,
    &tftp::TFTP,
    &radius::RADIUS,
    &coap::COAP,
    &flowlog::FLOWLOG,
    &rtp::RTP,
    &ip::IP,
];
