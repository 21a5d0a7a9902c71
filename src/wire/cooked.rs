//! libpcap's Linux cooked headers, what the "any" device yields.
//!
//! tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and LINKTYPE_LINUX_SLL2.html: version 1 has the
//! ethertype at its end, version 2 at its start. Only the sender's hardware address is known.

use super::error::{Header, WireError};
use super::link::{Carried, Link};
use super::view::{be_u16, field};
use crate::net::Mac;

/// linux/if_arp.h: a capture of netlink, whose protocol number is no ethertype.
const ARPHRD_NETLINK: u16 = 824;

/// Packet type, ARPHRD, address length, address, ethertype.
#[derive(Debug, Clone, Copy)]
struct Cooked<'a>(&'a [u8; 16]);

impl Cooked<'_> {
    fn hardware(&self) -> u16 {
        be_u16::<2, _>(self.0)
    }

    fn source(&self) -> Option<Mac> {
        (be_u16::<4, _>(self.0) == 6).then_some(Mac(field::<6, 6, _>(self.0)))
    }

    fn ethertype(&self) -> u16 {
        be_u16::<14, _>(self.0)
    }
}

/// Ethertype, two reserved bytes, interface, ARPHRD, packet type, address length, address.
#[derive(Debug, Clone, Copy)]
struct Cooked2<'a>(&'a [u8; 20]);

impl Cooked2<'_> {
    fn ethertype(&self) -> u16 {
        be_u16::<0, _>(self.0)
    }

    fn hardware(&self) -> u16 {
        be_u16::<8, _>(self.0)
    }

    fn source(&self) -> Option<Mac> {
        (field::<11, 1, _>(self.0) == [6]).then_some(Mac(field::<12, 6, _>(self.0)))
    }
}

fn link(
    hardware: u16,
    source_mac: Option<Mac>,
    ethertype: u16,
    bytes: &[u8],
) -> Result<Link<'_>, WireError> {
    if hardware == ARPHRD_NETLINK {
        return Err(WireError::NotIp(ethertype));
    }
    Ok(Link { source_mac, ..Link::bare(Carried { ethertype, bytes }) })
}

/// Version 1.
pub(super) fn parse(frame: &[u8]) -> Result<Link<'_>, WireError> {
    let (header, bytes) = frame.split_first_chunk().ok_or(WireError::Truncated(Header::Cooked))?;
    let header = Cooked(header);
    link(header.hardware(), header.source(), header.ethertype(), bytes)
}

/// Version 2.
pub(super) fn parse2(frame: &[u8]) -> Result<Link<'_>, WireError> {
    let (header, bytes) = frame.split_first_chunk().ok_or(WireError::Truncated(Header::Cooked))?;
    let header = Cooked2(header);
    link(header.hardware(), header.source(), header.ethertype(), bytes)
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    const V1: [u8; 16] = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 0];
    const V2: [u8; 20] = [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0];

    #[test]
    fn every_truncation_of_both_versions() {
        for (link, header) in [(LinkType::LinuxCooked, &V1[..]), (LinkType::LinuxCooked2, &V2)] {
            let frame = [header, &sample::udp4()].concat();
            sample::check(link, &frame, header.len());
            let packet = decode(link, &frame).unwrap();
            assert_eq!(packet.source_mac.unwrap().to_string(), "02:00:00:00:00:09");
            assert_eq!(packet.destination_mac, None);
        }
    }

    #[test]
    fn tags_follow_and_odd_address_lengths_are_no_address() {
        let mut header = V1;
        header[5] = 8;
        header[14..].copy_from_slice(&[0x81, 0]);
        let frame = [&header[..], &[0, 5, 8, 0], &sample::udp4()].concat();
        let packet = decode(LinkType::LinuxCooked, &frame).unwrap();
        assert_eq!((packet.source_mac, packet.vlan), (None, Some(5)));
    }

    #[test]
    fn netlink_is_not_ip() {
        let mut header = V2;
        header[8..10].copy_from_slice(&824u16.to_be_bytes());
        let frame = [&header[..], &sample::udp4()].concat();
        assert_eq!(decode(LinkType::LinuxCooked2, &frame), Err(WireError::NotIp(0x0800)));
    }
}
