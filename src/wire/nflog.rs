//! A packet of the kernel's NFLOG group, as libpcap hands it on (LINKTYPE_NFLOG).
//!
//! tcpdump.org/linktypes/LINKTYPE_NFLOG.html and linux/netfilter/nfnetlink_log.h: family, version
//! and group, then attributes padded to four bytes. Attribute headers are in the byte order of
//! this host (libpcap swaps those of foreign files), attribute contents in the network's.

use super::error::{Header, WireError};
use super::link::{Carried, Link, ethertype};
use crate::bytes::{Reader, Stop};
use crate::net::Mac;

/// linux/netfilter/nfnetlink_log.h, `enum nfulnl_attr_type`.
mod attribute {
    /// Ethertype, hook, padding.
    pub const PACKET_HDR: u16 = 1;
    /// Address length, padding, eight bytes: the sender's.
    pub const HWADDR: u16 = 8;
    /// The packet itself, from its network header.
    pub const PAYLOAD: u16 = 9;
    /// The link header.
    pub const HWHEADER: u16 = 16;
}

/// linux/netfilter.h: NFPROTO_IPV4 and NFPROTO_IPV6; bridge and netdev say it by ethertype.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Header of an attribute: length with itself, type.
const ATTRIBUTE_HEADER: usize = 4;

/// What the attributes before the payload say.
#[derive(Default)]
struct Attributes<'a> {
    ethertype: Option<u16>,
    source: Option<Mac>,
    destination: Option<Mac>,
    payload: Option<&'a [u8]>,
}

/// Reads the attributes up to the payload, which the kernel puts last.
pub(super) fn parse(frame: &[u8]) -> Result<Link<'_>, WireError> {
    let (&[family, _version, _, _], rest) =
        frame.split_first_chunk().ok_or(WireError::Truncated(Header::Nflog))?;
    let attributes = attributes(rest).map_err(|stop| match stop {
        Stop::NeedMore => WireError::Truncated(Header::Nflog),
        _ => WireError::BadLength(Header::Nflog),
    })?;
    let bytes = attributes.payload.ok_or(WireError::Truncated(Header::Nflog))?;
    let ethertype = match (family, attributes.ethertype) {
        (IPV4, _) => ethertype::IPV4,
        (IPV6, _) => ethertype::IPV6,
        (_, Some(ethertype)) => ethertype,
        (other, None) => return Err(WireError::NotIpFamily(u32::from(other))),
    };
    Ok(Link {
        source_mac: attributes.source,
        destination_mac: attributes.destination,
        vlan: None,
        carried: Carried { ethertype, bytes },
    })
}

fn attributes(bytes: &[u8]) -> Result<Attributes<'_>, Stop> {
    let mut found = Attributes::default();
    let mut reader = Reader::stream(bytes);
    while found.payload.is_none() && !reader.is_empty() {
        let (length, kind) = header(&mut reader)?;
        let length = usize::from(length).checked_sub(ATTRIBUTE_HEADER).ok_or(Stop::Malformed)?;
        if kind == attribute::PAYLOAD {
            // Cut where the snap length says.
            found.payload = Some(reader.take(length.min(reader.len()))?);
            break;
        }
        found.note(kind, reader.sub(length)?)?;
        let padding = length.next_multiple_of(4).saturating_sub(length);
        reader.skip(padding)?;
    }
    Ok(found)
}

/// Length and type, in this host's byte order.
fn header(reader: &mut Reader<'_>) -> Result<(u16, u16), Stop> {
    if cfg!(target_endian = "big") {
        Ok((reader.u16()?, reader.u16()?))
    } else {
        Ok((reader.u16_le()?, reader.u16_le()?))
    }
}

impl Attributes<'_> {
    fn note(&mut self, kind: u16, mut body: Reader<'_>) -> Result<(), Stop> {
        match kind {
            attribute::PACKET_HDR => self.ethertype = Some(body.u16()?),
            attribute::HWADDR if self.source.is_none() => {
                let length = body.u16()?;
                body.skip(2)?;
                let address = body.array()?;
                self.source = (length == 6).then_some(Mac(address));
            }
            // An Ethernet header; other links have other lengths.
            attribute::HWHEADER if body.len() == 14 => {
                self.destination = Some(Mac(body.array()?));
                self.source = Some(Mac(body.array()?));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    fn attribute(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + body.len()).unwrap();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), body].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn frame(family: u8, before: &[Vec<u8>], inside: &[u8]) -> Vec<u8> {
        let payload = attribute(attribute::PAYLOAD, inside);
        [&[family, 0, 0, 5][..], &before.concat(), &payload].concat()
    }

    fn usual() -> Vec<Vec<u8>> {
        vec![
            attribute(1, &[8, 0, 3, 0]),
            attribute(10, b"bt\0"),
            attribute(5, &[0, 0, 0, 3]),
            attribute(8, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0]),
            attribute(16, &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]),
        ]
    }

    #[test]
    fn every_truncation() {
        let before = usual();
        let start = 4 + before.concat().len() + 4;
        sample::check(LinkType::Nflog, &frame(2, &before, &sample::udp4()), start);
        sample::check(LinkType::Nflog, &frame(10, &[], &sample::udp6()), 8);
        let packet = frame(7, &before, &sample::udp4());
        let packet = decode(LinkType::Nflog, &packet).unwrap();
        assert_eq!(packet.source_mac, Some(Mac([2, 0, 0, 0, 0, 2])));
        assert_eq!(packet.destination_mac, Some(Mac([2, 0, 0, 0, 0, 1])));
    }

    #[test]
    fn the_senders_address_alone() {
        let before = [attribute(8, &[0, 6, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0])];
        let frame = frame(2, &before, &sample::udp4());
        let packet = decode(LinkType::Nflog, &frame).unwrap();
        assert_eq!(packet.source_mac, Some(Mac([2, 0, 0, 0, 0, 9])));
        assert_eq!(packet.destination_mac, None);
    }

    #[test]
    fn damaged_lengths_and_families() {
        let bad = Err(WireError::BadLength(Header::Nflog));
        for length in [0u16, 3] {
            let mut damaged = frame(2, &[attribute(5, &[0; 4])], &sample::udp4());
            damaged[4..6].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(decode(LinkType::Nflog, &damaged), bad, "{length}");
        }
        let short = frame(2, &[attribute(1, &[8])], &sample::udp4());
        assert_eq!(decode(LinkType::Nflog, &short), bad);
        let truncated = Err(WireError::Truncated(Header::Nflog));
        assert_eq!(decode(LinkType::Nflog, &[2, 0, 0, 5]), truncated);
        let mut damaged = frame(2, &[attribute(5, &[0; 4])], &sample::udp4());
        damaged[4..6].copy_from_slice(&0xffffu16.to_ne_bytes());
        assert_eq!(decode(LinkType::Nflog, &damaged), truncated);
        let unknown = frame(3, &[], &sample::udp4());
        assert_eq!(decode(LinkType::Nflog, &unknown), Err(WireError::NotIpFamily(3)));
    }
}
