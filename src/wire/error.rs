//! Why a frame is no packet: small, `Copy`, made to be counted.

use std::fmt;

/// The headers that a frame may be cut in, or that may contradict themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Header {
    /// Ethernet II or IEEE 802.3.
    Ethernet,
    /// An IEEE 802.1Q or 802.1ad tag.
    Vlan,
    /// IEEE 802.2 LLC, with or without SNAP.
    Llc,
    /// An MPLS label, RFC 3032.
    Mpls,
    /// PPPoE, RFC 2516.
    Pppoe,
    /// PPP, RFC 1661, and its HDLC-like framing, RFC 1662; Cisco HDLC.
    Ppp,
    /// libpcap's Linux cooked header, version 1 or 2.
    Cooked,
    /// The address family before a loopback packet.
    Loopback,
    /// Per-Packet Information.
    Ppi,
    /// Radiotap.
    Radiotap,
    /// IEEE 802.11.
    Ieee80211,
    /// A packet of the kernel's NFLOG group.
    Nflog,
    /// IPv4, RFC 791.
    Ipv4,
    /// IPv6, RFC 8200.
    Ipv6,
    /// An IPv6 extension header, or AH in either version.
    Extension,
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
}

impl Header {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Header::Ethernet => "Ethernet",
            Header::Vlan => "VLAN",
            Header::Llc => "LLC",
            Header::Mpls => "MPLS",
            Header::Pppoe => "PPPoE",
            Header::Ppp => "PPP",
            Header::Cooked => "Linux cooked",
            Header::Loopback => "loopback",
            Header::Ppi => "PPI",
            Header::Radiotap => "radiotap",
            Header::Ieee80211 => "IEEE 802.11",
            Header::Nflog => "NFLOG",
            Header::Ipv4 => "IPv4",
            Header::Ipv6 => "IPv6",
            Header::Extension => "IPv6 extension",
            Header::Tcp => "TCP",
            Header::Udp => "UDP",
        }
    }
}

/// Why a frame gave no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WireError {
    /// No decoder for this DLT or LINKTYPE number.
    UnknownLink(i32),
    /// The bytes end inside this header.
    Truncated(Header),
    /// A length in this header is too small for the header itself, or too large for what holds it.
    BadLength(Header),
    /// An IP header was announced, and this version stands in its first four bits.
    BadVersion(u8),
    /// Another ethertype (IEEE 802 numbers): ARP is 0x0806.
    NotIp(u16),
    /// Another PPP protocol (IANA ppp-numbers): LCP is 0xc021.
    NotIpPpp(u16),
    /// An 802.2 frame for another service access point: spanning tree is 0x42.
    NotIpLlc(u8),
    /// Another address family before a loopback or NFLOG packet.
    NotIpFamily(u32),
    /// An 802.11 management or control frame, or a data frame without data.
    NotData,
    /// An 802.11 data frame whose body is encrypted.
    Protected,
    /// An 802.11 data frame that holds several (A-MSDU); they are not taken apart.
    Aggregate,
    /// A fragment after the first: it has no ports.
    LaterFragment,
    /// More tags, extension headers or IP headers than we are willing to open.
    TooManyHeaders,
}

impl WireError {
    /// The cause without its number, a key to count under.
    pub const fn name(self) -> &'static str {
        match self {
            WireError::UnknownLink(_) => "unknown-link",
            WireError::Truncated(_) => "truncated",
            WireError::BadLength(_) => "bad-length",
            WireError::BadVersion(_) => "bad-version",
            WireError::NotIp(_)
            | WireError::NotIpPpp(_)
            | WireError::NotIpLlc(_)
            | WireError::NotIpFamily(_) => "not-ip",
            WireError::NotData => "not-data",
            WireError::Protected => "protected",
            WireError::Aggregate => "aggregate",
            WireError::LaterFragment => "later-fragment",
            WireError::TooManyHeaders => "too-many-headers",
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLink(number) => write!(f, "link type {number} has no decoder"),
            Self::Truncated(header) => write!(f, "the frame ends in its {} header", header.name()),
            Self::BadLength(header) => write!(f, "bad length in the {} header", header.name()),
            Self::BadVersion(version) => {
                write!(f, "IP version {version} where another was announced")
            }
            Self::NotIp(ethertype) => write!(f, "not IP (ethertype {ethertype:#06x})"),
            Self::NotIpPpp(protocol) => write!(f, "not IP (PPP protocol {protocol:#06x})"),
            Self::NotIpLlc(access_point) => write!(f, "not IP (LLC {access_point:#04x})"),
            Self::NotIpFamily(family) => write!(f, "not IP (address family {family})"),
            Self::NotData => f.write_str("an IEEE 802.11 frame without data"),
            Self::Protected => f.write_str("an encrypted IEEE 802.11 frame"),
            Self::Aggregate => f.write_str("several frames in one (IEEE 802.11 A-MSDU)"),
            Self::LaterFragment => f.write_str("an IP fragment after the first"),
            Self::TooManyHeaders => f.write_str("too many headers inside each other"),
        }
    }
}

impl std::error::Error for WireError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_cause() {
        for (error, text) in [
            (WireError::UnknownLink(147), "link type 147 has no decoder"),
            (WireError::Truncated(Header::Tcp), "the frame ends in its TCP header"),
            (WireError::BadLength(Header::Ipv4), "bad length in the IPv4 header"),
            (WireError::NotIp(0x0806), "not IP (ethertype 0x0806)"),
            (WireError::NotIpPpp(0xc021), "not IP (PPP protocol 0xc021)"),
            (WireError::NotIpLlc(0x42), "not IP (LLC 0x42)"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
