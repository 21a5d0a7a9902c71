//! IPv6 extension headers (RFC 8200 section 4), and AH (RFC 4302) in both versions.

use super::error::{Header, WireError};
use super::ip::{Ip, protocol};
use super::view::be_u16;
use crate::bytes::Reader;

/// Extension headers of one packet. RFC 8200 section 4.1 has seven places for them.
const MAX_EXTENSIONS: usize = 8;
/// RFC 2675 section 2: a length of 32 bits in a hop-by-hop option.
const JUMBO_PAYLOAD: u8 = 0xc2;
/// RFC 8200 section 4.2: one byte without a length.
const PAD1: u8 = 0;

/// Leaves `ip` with its last header's body.
pub(super) fn step_over(ip: Ip<'_>) -> Result<Ip<'_>, WireError> {
    if is_extension(&ip) { step_over_all(ip) } else { Ok(ip) }
}

/// Only AH exists in IPv4; there the other numbers are protocols that nobody speaks.
fn is_extension(ip: &Ip<'_>) -> bool {
    match ip.protocol {
        protocol::AH => true,
        protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION | protocol::FRAGMENT => {
            ip.source.is_ipv6()
        }
        _ => false,
    }
}

#[cold]
fn step_over_all(mut ip: Ip<'_>) -> Result<Ip<'_>, WireError> {
    let truncated = WireError::Truncated(Header::Extension);
    for _ in 0..MAX_EXTENSIONS {
        if !is_extension(&ip) {
            return Ok(ip);
        }
        let header = ip.body.first_chunk::<4>().ok_or(truncated)?;
        let [next, length, ..] = *header;
        let length = match ip.protocol {
            protocol::FRAGMENT if be_u16::<2, _>(header) >> 3 != 0 => {
                return Err(WireError::LaterFragment);
            }
            protocol::FRAGMENT => 8,
            // RFC 4302 section 2.2: in units of four bytes, minus two.
            protocol::AH => (u16::from(length) << 2).saturating_add(8),
            // RFC 8200 section 4.3: in units of eight bytes, without the first.
            _ => (u16::from(length) << 3).saturating_add(8),
        };
        let too_long = WireError::BadLength(Header::Extension);
        ip.body_len = ip.body_len.checked_sub(u32::from(length)).ok_or(too_long)?;
        ip.body = ip.body.get(usize::from(length)..).ok_or(truncated)?;
        ip.protocol = next;
    }
    if is_extension(&ip) { Err(WireError::TooManyHeaders) } else { Ok(ip) }
}

/// The jumbo payload option of the hop-by-hop header at the start of `bytes`.
pub(super) fn jumbo_length(next_header: u8, bytes: &[u8]) -> Option<u32> {
    if next_header != protocol::HOP_BY_HOP {
        return None;
    }
    let mut header = Reader::datagram(bytes);
    header.skip(1).ok()?;
    let length = (usize::from(header.u8().ok()?) << 3).saturating_add(6);
    let mut options = header.sub(length).ok()?;
    while !options.is_empty() {
        let kind = options.u8().ok()?;
        if kind == PAD1 {
            continue;
        }
        let mut option = options.sub_u8().ok()?;
        if kind == JUMBO_PAYLOAD {
            return option.u32().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    /// An extension header of `units` of eight bytes before `inside`, which is of type `next`.
    fn before(next: u8, units: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![next, units - 1];
        bytes.resize(usize::from(units) * 8, 0);
        bytes.extend(inside);
        bytes
    }

    fn udp() -> Vec<u8> {
        sample::udp6()[40..].to_vec()
    }

    #[test]
    fn every_truncation_of_each_kind_and_of_a_chain() {
        for kind in [protocol::HOP_BY_HOP, protocol::ROUTING, protocol::DESTINATION] {
            for units in [1, 3] {
                let bytes = sample::ipv6(kind, &before(17, units, &udp()));
                sample::check(LinkType::Raw, &bytes, usize::from(units) * 8);
            }
        }
        let fragment = [&[17, 0, 0, 1, 0, 0, 0, 9][..], &udp()].concat();
        sample::check(LinkType::Raw, &sample::ipv6(protocol::FRAGMENT, &fragment), 8);
        let chain = before(44, 1, &fragment);
        let chain = before(protocol::DESTINATION, 2, &before(protocol::ROUTING, 1, &chain));
        // The routing header says 44, the destination header says 43.
        let mut chain = chain;
        chain[0] = protocol::ROUTING;
        chain[16] = protocol::DESTINATION;
        sample::check(LinkType::Raw, &sample::ipv6(protocol::DESTINATION, &chain), 40);
    }

    #[test]
    fn authentication_headers_in_both_versions() {
        let mut ah = vec![17, 4]; // 24 bytes
        ah.resize(24, 7);
        ah.extend(udp());
        sample::check(LinkType::Raw, &sample::ipv6(protocol::AH, &ah), 24);
        sample::check(LinkType::Raw, &sample::ipv4(protocol::AH, &ah), 24);
        let hop = sample::ipv4(protocol::HOP_BY_HOP, &before(17, 1, &udp()));
        assert_eq!(decode(LinkType::Raw, &hop).unwrap().transport.number(), 0);
    }

    #[test]
    fn later_fragments_and_tunnels_behind_them() {
        let later = [&[17, 0, 0, 8, 0, 0, 0, 9][..], &udp()].concat();
        let bytes = sample::ipv6(protocol::FRAGMENT, &later);
        assert_eq!(decode(LinkType::Raw, &bytes), Err(WireError::LaterFragment));
        let tunnel = before(protocol::IPV4, 1, &sample::udp4());
        sample::check(LinkType::Raw, &sample::ipv6(protocol::DESTINATION, &tunnel), 48);
    }

    #[test]
    fn damaged_lengths_and_long_chains() {
        let mut damaged = sample::ipv6(protocol::ROUTING, &before(17, 1, &udp()));
        damaged[41] = 0xff;
        let bad = Err(WireError::BadLength(Header::Extension));
        assert_eq!(decode(LinkType::Raw, &damaged), bad);
        let chain = sample::ipv6(protocol::DESTINATION, &[protocol::DESTINATION, 0].repeat(400));
        assert_eq!(decode(LinkType::Raw, &chain), Err(WireError::TooManyHeaders));
    }

    #[test]
    fn jumbograms() {
        let mut hop = vec![17, 0, JUMBO_PAYLOAD, 4, 0, 2, 0, 0]; // 131072 bytes
        hop.extend(udp());
        hop[12..14].copy_from_slice(&[0, 0]); // UDP's length, RFC 2675 section 4
        let mut bytes = sample::ipv6(protocol::HOP_BY_HOP, &hop);
        bytes[4..6].copy_from_slice(&[0, 0]);
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.ip_len, packet.payload_len), (131_072 + 40, 131_072 - 16));
        assert_eq!(packet.payload, sample::PAYLOAD);
        bytes[42] = 5; // no jumbo option: to the end
        assert_eq!(decode(LinkType::Raw, &bytes).unwrap().payload_len, 7);
        bytes[43] = 200; // an option longer than its header
        assert!(decode(LinkType::Raw, &bytes).is_ok());
    }
}
