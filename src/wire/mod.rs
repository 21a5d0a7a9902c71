//! Checked views of packet headers: a frame of any link type becomes a [`Packet`].
//!
//! Fixed headers are views over an array whose length was checked once; formats with lengths of
//! their own use [`crate::bytes::Reader`]. Nothing is allocated, nothing is trusted: a frame gives
//! a packet, or a [`WireError`] that names the cause. Tunnels are opened only where the header
//! inside is IP itself (protocols 4 and 41); GRE, GTP, VXLAN and Teredo stay closed.

mod cooked;
mod error;
mod ethernet;
mod extension;
mod glance;
mod icmp;
mod ieee80211;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod llc;
mod loopback;
mod mpls;
mod nflog;
mod ppi;
mod ppp;
mod pppoe;
mod radiotap;
#[cfg(test)]
mod sample;
mod tcp;
mod udp;
mod view;
mod vlan;

pub use error::{Header, WireError};
pub use glance::{Addrs, Glance, glance, glance_v4, glance_v6};
pub use link::LinkType;

use crate::net::{Mac, Transport};
use std::net::IpAddr;
use std::ops::BitOr;

/// What the headers of one frame say. Everything from IP on is the innermost IP header's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Sender on this link, where the link has addresses.
    pub source_mac: Option<Mac>,
    /// Receiver on this link; cooked captures leave it out.
    pub destination_mac: Option<Mac>,
    /// Id of the outermost VLAN tag that has one.
    pub vlan: Option<u16>,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The protocol behind the last IP header.
    pub transport: Transport,
    /// TCP, UDP, UDP-Lite, DCCP and SCTP; the identifier of an ICMP echo; else 0.
    pub source_port: u16,
    /// As `source_port`.
    pub destination_port: u16,
    /// RFC 2474, 0 to 63.
    pub dscp: u8,
    /// For TCP.
    pub tcp: Option<TcpInfo>,
    /// Above TCP and UDP; for others what follows the last IP header, ICMP's own included. Never
    /// beyond the packet's end (no Ethernet padding); may be cut by the snap length.
    pub payload: &'a [u8],
    /// Bytes of payload on the wire, by the headers; never below `payload.len()`.
    pub payload_len: u32,
    /// Bytes of the IP packet on the wire.
    pub ip_len: u32,
}

/// What the flow table needs of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// Control bits.
    pub flags: TcpFlags,
    /// Of the first byte of payload, or of SYN or FIN.
    pub sequence: u32,
    /// What the sender expects next; meaningless without ACK.
    pub acknowledgement: u32,
}

/// Control bits of a TCP header, RFC 9293 section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags(u8);

impl TcpFlags {
    /// No more from the sender.
    pub const FIN: TcpFlags = TcpFlags(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: TcpFlags = TcpFlags(0x02);
    /// Reset.
    pub const RST: TcpFlags = TcpFlags(0x04);
    /// Push.
    pub const PSH: TcpFlags = TcpFlags(0x08);
    /// The acknowledgement number counts.
    pub const ACK: TcpFlags = TcpFlags(0x10);
    /// The urgent pointer counts.
    pub const URG: TcpFlags = TcpFlags(0x20);
    /// ECN echo, RFC 3168.
    pub const ECE: TcpFlags = TcpFlags(0x40);
    /// Congestion window reduced, RFC 3168.
    pub const CWR: TcpFlags = TcpFlags(0x80);

    /// From the header's byte.
    pub const fn from_bits(bits: u8) -> Self {
        TcpFlags(bits)
    }

    /// The header's byte.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `flags` are set.
    pub const fn contains(self, flags: TcpFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether one of `flags` is set.
    pub const fn intersects(self, flags: TcpFlags) -> bool {
        self.0 & flags.0 != 0
    }
}

impl BitOr for TcpFlags {
    type Output = TcpFlags;

    fn bitor(self, other: TcpFlags) -> TcpFlags {
        TcpFlags(self.0 | other.0)
    }
}

/// What stands above the last IP header.
struct Segment<'a> {
    source_port: u16,
    destination_port: u16,
    tcp: Option<TcpInfo>,
    payload: &'a [u8],
    payload_len: u32,
}

/// Reads the headers of one captured frame.
pub fn decode(link: LinkType, frame: &[u8]) -> Result<Packet<'_>, WireError> {
    // Nearly every frame of a router, in a straight line that the compiler keeps in registers.
    if link == LinkType::Ethernet
        && let Ok(link) = ethernet::parse(frame)
        && link.carried.ethertype == link::ethertype::IPV4
        && let Ok(ip) = ipv4::parse(link.carried.bytes)
        && matches!(ip.protocol, ip::protocol::TCP | ip::protocol::UDP)
    {
        return packet(&link, &ip);
    }
    decode_any(link, frame)
}

#[inline(never)]
fn decode_any(link: LinkType, frame: &[u8]) -> Result<Packet<'_>, WireError> {
    let link = link::Link::parse(link, frame)?;
    let ip = ip::parse(link.carried)?;
    packet(&link, &ip)
}

#[inline(always)]
fn packet<'a>(link: &link::Link<'a>, ip: &ip::Ip<'a>) -> Result<Packet<'a>, WireError> {
    let transport = Transport::from(ip.protocol);
    let segment = match transport {
        Transport::Tcp => tcp::parse(ip)?,
        Transport::Udp => udp::parse(ip)?,
        Transport::Other(_) => icmp::parse(ip),
    };
    Ok(Packet {
        source_mac: link.source_mac,
        destination_mac: link.destination_mac,
        vlan: link.vlan,
        source: ip.source,
        destination: ip.destination,
        transport,
        source_port: segment.source_port,
        destination_port: segment.destination_port,
        dscp: ip.dscp,
        tcp: segment.tcp,
        payload: segment.payload,
        payload_len: segment.payload_len,
        ip_len: ip.len,
    })
}
