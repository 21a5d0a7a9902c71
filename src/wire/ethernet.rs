//! Ethernet II and IEEE 802.3: two addresses and a type or length (IEEE 802.3 section 3.1.1).

use super::error::{Header, WireError};
use super::link::{Carried, Link};
use super::view::{be_u16, field};
use crate::net::Mac;

/// The header before any tag.
#[derive(Debug, Clone, Copy)]
struct Ethernet<'a>(&'a [u8; 14]);

impl Ethernet<'_> {
    fn destination(&self) -> Mac {
        Mac(field::<0, 6, _>(self.0))
    }

    fn source(&self) -> Mac {
        Mac(field::<6, 6, _>(self.0))
    }

    fn ethertype(&self) -> u16 {
        be_u16::<12, _>(self.0)
    }
}

/// Reads the header; tags stay in what it carries.
#[inline(always)]
pub(super) fn parse(frame: &[u8]) -> Result<Link<'_>, WireError> {
    let (header, bytes) =
        frame.split_first_chunk().ok_or(WireError::Truncated(Header::Ethernet))?;
    let header = Ethernet(header);
    Ok(Link {
        source_mac: Some(header.source()),
        destination_mac: Some(header.destination()),
        vlan: None,
        carried: Carried { ethertype: header.ethertype(), bytes },
    })
}

#[cfg(test)]
mod tests {
    use super::super::link::ethertype;
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn addresses_are_read_and_padding_is_not_payload() {
        let mut frame = sample::ethernet(ethertype::IPV4, &sample::udp4());
        frame.resize(60, 0);
        let packet = decode(LinkType::Ethernet, &frame).unwrap();
        assert_eq!(packet.source_mac.unwrap().to_string(), "02:00:00:00:00:01");
        assert_eq!(packet.destination_mac.unwrap().to_string(), "02:00:00:00:00:02");
        assert_eq!((packet.vlan, packet.payload), (None, sample::PAYLOAD));
    }

    #[test]
    fn every_truncation() {
        for (ethertype, inside) in
            [(ethertype::IPV4, sample::udp4()), (ethertype::IPV6, sample::udp6())]
        {
            sample::check(LinkType::Ethernet, &sample::ethernet(ethertype, &inside), 14);
        }
        assert_eq!(
            decode(LinkType::Ethernet, &[0; 13]),
            Err(WireError::Truncated(Header::Ethernet))
        );
    }

    #[test]
    fn other_ethertypes_are_named() {
        for ethertype in [0x0806, 0x8863, 0x88cc, 0x88e5, 1501] {
            let frame = sample::ethernet(ethertype, &[0; 46]);
            assert_eq!(decode(LinkType::Ethernet, &frame), Err(WireError::NotIp(ethertype)));
        }
    }

    #[test]
    fn the_type_and_the_version_must_agree() {
        let mut frame = sample::ethernet(ethertype::IPV6, &sample::udp4());
        frame.resize(60, 0);
        assert_eq!(decode(LinkType::Ethernet, &frame), Err(WireError::BadVersion(4)));
    }
}
