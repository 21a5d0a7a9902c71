//! MPLS label stack (RFC 3032 section 2.1): 20 bits label, 3 bits class, 1 bit bottom, 8 bits TTL.

use super::error::{Header, WireError};
use super::link::{Carried, ethertype};

/// Labels in one stack. Real ones have up to four.
const MAX_LABELS: usize = 8;

/// Steps over the stack. What it carries is not announced (RFC 4928 section 3): 4 or 6 in the
/// first four bits is IP, all else is not.
pub(super) fn parse(bytes: &[u8]) -> Result<Carried<'_>, WireError> {
    let mut rest = bytes;
    for _ in 0..MAX_LABELS {
        let (&[_, _, last, _], behind) =
            rest.split_first_chunk().ok_or(WireError::Truncated(Header::Mpls))?;
        rest = behind;
        if last & 1 == 1 {
            return match rest.first().map(|first| first >> 4) {
                Some(4 | 6) => Ok(Carried::ip(rest)),
                Some(_) => Err(WireError::NotIp(ethertype::MPLS)),
                None => Err(WireError::Truncated(Header::Mpls)),
            };
        }
    }
    Err(WireError::TooManyHeaders)
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn every_truncation_of_one_and_two_labels() {
        for labels in [&[0, 0x01, 0x01, 64][..], &[0, 1, 0, 64, 0, 2, 1, 63]] {
            for inside in [sample::udp4(), sample::udp6()] {
                let frame = sample::ethernet(ethertype::MPLS, &[labels, &inside].concat());
                sample::check(LinkType::Ethernet, &frame, 14 + labels.len());
            }
        }
    }

    #[test]
    fn stacks_without_bottom_and_pseudowires() {
        let frame = sample::ethernet(ethertype::MPLS_MULTICAST, &[0; 200]);
        assert_eq!(decode(LinkType::Ethernet, &frame), Err(WireError::TooManyHeaders));
        let frame = sample::ethernet(ethertype::MPLS, &[0, 1, 1, 64, 0, 0, 0, 0]);
        assert_eq!(decode(LinkType::Ethernet, &frame), Err(WireError::NotIp(ethertype::MPLS)));
    }
}
