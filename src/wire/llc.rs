//! IEEE 802.2 LLC, and SNAP behind it (RFC 1042): how 802.3 and 802.11 frames carry IP.

use super::error::{Header, WireError};
use super::link::{Carried, ethertype};
use super::view::be_u16;

/// Service access point of SNAP.
const SNAP: u8 = 0xaa;
/// Service access point of IP without SNAP, RFC 948.
const IP: u8 = 0x06;
/// Control byte: unnumbered information.
const UI: u8 = 0x03;

/// Translates the header into an ethertype.
pub(super) fn parse(bytes: &[u8]) -> Result<Carried<'_>, WireError> {
    let truncated = WireError::Truncated(Header::Llc);
    let (&[destination, source, control], rest) = bytes.split_first_chunk().ok_or(truncated)?;
    match (destination, source, control) {
        (SNAP, SNAP, UI) => {
            let (snap, bytes) = rest.split_first_chunk::<5>().ok_or(truncated)?;
            match snap {
                // RFC 1042, and the 802.1H bridge tunnel that wireless drivers use.
                [0, 0, 0 | 0xf8, ..] => Ok(Carried { ethertype: be_u16::<3, _>(snap), bytes }),
                _ => Err(WireError::NotIpLlc(SNAP)),
            }
        }
        (IP, IP, UI) => Ok(Carried { ethertype: ethertype::IPV4, bytes: rest }),
        _ => Err(WireError::NotIpLlc(destination)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    fn frame(llc: &[u8], inside: &[u8]) -> Vec<u8> {
        let body = [llc, inside].concat();
        sample::ethernet(u16::try_from(body.len()).unwrap(), &body)
    }

    #[test]
    fn every_truncation_of_each_form() {
        for llc in [
            &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..],
            &[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0],
            &[6, 6, 3],
            // SNAP, then a VLAN tag.
            &[0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 5, 8, 0],
        ] {
            sample::check(LinkType::Ethernet, &frame(llc, &sample::udp4()), 14 + llc.len());
        }
    }

    #[test]
    fn other_access_points_are_named() {
        for (llc, access_point) in [
            (&[0x42, 0x42, 3, 0, 0, 0, 0, 0][..], 0x42),
            (&[0xff, 0xff, 0, 0, 0, 0, 0, 0], 0xff),
            (&[0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x04], 0xaa),
        ] {
            assert_eq!(
                decode(LinkType::Ethernet, &frame(llc, &[])),
                Err(WireError::NotIpLlc(access_point))
            );
        }
    }

    #[test]
    fn a_length_that_lies_does_not_matter() {
        // IP has its own length; the one of 802.3 may be anything up to 1500.
        let body = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &sample::udp4()].concat();
        for length in [0, 1, 1500] {
            assert!(decode(LinkType::Ethernet, &sample::ethernet(length, &body)).is_ok());
        }
    }
}
