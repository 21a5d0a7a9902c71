//! From a link type to the IP header: link headers first, then tags and sessions, a bounded number.

use super::error::WireError;
use super::{
    cooked, ethernet, ieee80211, llc, loopback, mpls, nflog, ppi, ppp, pppoe, radiotap, vlan,
};
use crate::net::Mac;

/// Tags, labels stacks and sessions opened between the link header and IP. Two VLAN tags, PPPoE
/// and LLC together are the most that providers stack; a loop of tags must end somewhere.
const MAX_ENCAPSULATIONS: usize = 6;

/// Ethertypes that lead to IP (IEEE 802 numbers, IANA).
pub(super) mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    /// IEEE 802.1Q.
    pub const VLAN: u16 = 0x8100;
    /// IEEE 802.1ad, the service provider's tag.
    pub const QINQ: u16 = 0x88a8;
    /// The same before it had a standard.
    pub const QINQ_OLD: u16 = 0x9100;
    /// RFC 3032 section 5: unicast, and multicast or upstream-assigned (RFC 5332).
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    /// RFC 2516 section 4.
    pub const PPPOE_SESSION: u16 = 0x8864;
    /// IEEE 802.3 section 3.2.6: up to here the field is a length, and LLC follows.
    pub const LARGEST_LENGTH: u16 = 1500;
}

/// What the first bytes of a frame are (tcpdump.org/linktypes.html). Numbers that mean the same
/// bytes share a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// 1.
    Ethernet,
    /// 113, libpcap's "any" device.
    LinuxCooked,
    /// 276, the same with the interface's number.
    LinuxCooked2,
    /// 12, 14, 101, 228, 229: the IP header itself.
    Raw,
    /// 0 and 108: an address family of four bytes, in the capturing host's byte order or the
    /// network's.
    Loopback,
    /// 9, 50, 104: PPP bare or in HDLC-like framing, and Cisco HDLC; the first byte tells.
    Ppp,
    /// 51.
    Pppoe,
    /// 105.
    Ieee80211,
    /// 127: radiotap, then IEEE 802.11.
    Radiotap,
    /// 192: Per-Packet Information, then what it says.
    Ppi,
    /// 239: a packet of an NFLOG group.
    Nflog,
    /// Any other number.
    Other(i32),
}

impl From<i32> for LinkType {
    /// From a DLT number, as `pcap_datalink` returns it, or a LINKTYPE number of a file.
    fn from(number: i32) -> Self {
        match number {
            0 | 108 => LinkType::Loopback,
            1 => LinkType::Ethernet,
            9 | 50 | 104 => LinkType::Ppp,
            12 | 14 | 101 | 228 | 229 => LinkType::Raw,
            51 => LinkType::Pppoe,
            105 => LinkType::Ieee80211,
            113 => LinkType::LinuxCooked,
            127 => LinkType::Radiotap,
            192 => LinkType::Ppi,
            239 => LinkType::Nflog,
            276 => LinkType::LinuxCooked2,
            other => LinkType::Other(other),
        }
    }
}

/// What a header carries: the ethertype, given or translated, and the bytes behind the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried<'a> {
    pub ethertype: u16,
    pub bytes: &'a [u8],
}

impl<'a> Carried<'a> {
    /// IP whose version only its own first four bits tell.
    pub fn ip(bytes: &'a [u8]) -> Self {
        let six = bytes.first().is_some_and(|first| first >> 4 == 6);
        Carried { ethertype: if six { ethertype::IPV6 } else { ethertype::IPV4 }, bytes }
    }
}

/// A frame's link header, read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub source_mac: Option<Mac>,
    pub destination_mac: Option<Mac>,
    pub vlan: Option<u16>,
    pub carried: Carried<'a>,
}

impl<'a> Link<'a> {
    /// A link without hardware addresses.
    pub const fn bare(carried: Carried<'a>) -> Self {
        Link { source_mac: None, destination_mac: None, vlan: None, carried }
    }

    /// Opens a frame down to its first IP header.
    pub fn parse(link: LinkType, frame: &'a [u8]) -> Result<Self, WireError> {
        let link = match link {
            LinkType::Ethernet => ethernet::parse(frame)?,
            LinkType::LinuxCooked => cooked::parse(frame)?,
            LinkType::LinuxCooked2 => cooked::parse2(frame)?,
            LinkType::Raw => Link::bare(Carried::ip(frame)),
            LinkType::Loopback => Link::bare(loopback::parse(frame)?),
            LinkType::Ppp => Link::bare(ppp::parse(frame)?),
            LinkType::Pppoe => Link::bare(pppoe::parse(frame)?),
            LinkType::Ieee80211 => ieee80211::parse(frame, false)?,
            LinkType::Radiotap => radiotap::parse(frame)?,
            LinkType::Ppi => {
                let (inner, rest) = ppi::parse(frame)?;
                match inner {
                    // One layer of metadata is real; more is somebody playing.
                    LinkType::Ppi => return Err(WireError::TooManyHeaders),
                    inner => return Link::parse(inner, rest),
                }
            }
            LinkType::Nflog => nflog::parse(frame)?,
            LinkType::Other(number) => return Err(WireError::UnknownLink(number)),
        };
        link.opened()
    }

    /// Without tags, labels and sessions.
    fn opened(mut self) -> Result<Self, WireError> {
        for _ in 0..MAX_ENCAPSULATIONS {
            let bytes = self.carried.bytes;
            self.carried = match self.carried.ethertype {
                ethertype::IPV4 | ethertype::IPV6 => return Ok(self),
                ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD => {
                    let tag = vlan::Tag::parse(bytes)?;
                    self.vlan = self.vlan.or(tag.id());
                    tag.carried()
                }
                ethertype::MPLS | ethertype::MPLS_MULTICAST => mpls::parse(bytes)?,
                ethertype::PPPOE_SESSION => pppoe::parse(bytes)?,
                ..=ethertype::LARGEST_LENGTH => llc::parse(bytes)?,
                other => return Err(WireError::NotIp(other)),
            };
        }
        match self.carried.ethertype {
            ethertype::IPV4 | ethertype::IPV6 => Ok(self),
            _ => Err(WireError::TooManyHeaders),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::wire::decode;

    #[test]
    fn numbers_that_mean_the_same_bytes_are_one_type() {
        for number in [12, 14, 101, 228, 229] {
            assert_eq!(LinkType::from(number), LinkType::Raw);
        }
        assert_eq!(LinkType::from(147), LinkType::Other(147));
        let frame = sample::udp4();
        assert_eq!(decode(LinkType::Other(147), &frame), Err(WireError::UnknownLink(147)));
    }

    #[test]
    fn raw_frames_tell_their_version() {
        for frame in [sample::udp4(), sample::udp6()] {
            sample::check(LinkType::Raw, &frame, 0);
        }
        assert_eq!(decode(LinkType::Raw, &[0x50; 60]), Err(WireError::BadVersion(5)));
        assert!(matches!(decode(LinkType::Raw, &[]), Err(WireError::Truncated(_))));
    }

    #[test]
    fn a_tower_of_tags_ends() {
        let mut frame = sample::ethernet(ethertype::VLAN, &[]);
        for _ in 0..100 {
            frame.extend([0, 1, 0x81, 0]);
        }
        assert_eq!(decode(LinkType::Ethernet, &frame), Err(WireError::TooManyHeaders));
    }
}
