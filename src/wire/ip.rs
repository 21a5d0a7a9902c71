//! What both IP versions have, and IP inside IP.

use super::error::WireError;
use super::link::{Carried, ethertype};
use super::{extension, ipv4, ipv6};
use std::net::IpAddr;

/// IP headers inside each other that are opened; the innermost is the packet.
const MAX_IP_HEADERS: usize = 4;

/// Protocol numbers of the headers that are opened (IANA protocol-numbers).
pub(super) mod protocol {
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV4: u8 = 4;
    pub const IPV6: u8 = 41;
    pub const FRAGMENT: u8 = 44;
    pub const AH: u8 = 51;
    pub const HOP_BY_HOP: u8 = 0;
    pub const ROUTING: u8 = 43;
    pub const DESTINATION: u8 = 60;
}

/// One IP header, read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ip<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub dscp: u8,
    /// Bytes of the whole packet on the wire.
    pub len: u32,
    /// Of the header that `body` starts with.
    pub protocol: u8,
    /// Behind the headers, cut to the packet's length and by the snap length.
    pub body: &'a [u8],
    /// Bytes of it on the wire; never below `body.len()`.
    pub body_len: u32,
}

/// Opens IP headers until something else follows.
pub(super) fn parse(carried: Carried<'_>) -> Result<Ip<'_>, WireError> {
    let mut ip = one(carried)?;
    for _ in 1..MAX_IP_HEADERS {
        let ethertype = match ip.protocol {
            protocol::IPV4 => ethertype::IPV4,
            protocol::IPV6 => ethertype::IPV6,
            _ => return Ok(ip),
        };
        ip = one(Carried { ethertype, bytes: ip.body })?;
    }
    match ip.protocol {
        protocol::IPV4 | protocol::IPV6 => Err(WireError::TooManyHeaders),
        _ => Ok(ip),
    }
}

fn one(carried: Carried<'_>) -> Result<Ip<'_>, WireError> {
    let ip = if carried.ethertype == ethertype::IPV6 {
        ipv6::parse(carried.bytes)?
    } else {
        ipv4::parse(carried.bytes)?
    };
    extension::step_over(ip)
}

/// A length of captured bytes as the wire counts them.
pub(super) fn wire_len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn the_innermost_addresses_count() {
        let (four, six) = (sample::udp4(), sample::udp6());
        for (outer, depth) in [
            (sample::ipv4(protocol::IPV4, &four), 20),
            (sample::ipv4(protocol::IPV6, &six), 20),
            (sample::ipv6(protocol::IPV4, &four), 40),
            (sample::ipv6(protocol::IPV6, &six), 40),
            (sample::ipv4(41, &sample::ipv6(4, &sample::ipv4(4, &four))), 80),
        ] {
            sample::check(LinkType::Raw, &outer, depth);
        }
    }

    #[test]
    fn the_fifth_header_is_too_many() {
        let mut bytes = sample::udp4();
        for _ in 0..3 {
            bytes = sample::ipv4(protocol::IPV4, &bytes);
        }
        assert!(decode(LinkType::Raw, &bytes).is_ok());
        bytes = sample::ipv4(protocol::IPV4, &bytes);
        assert_eq!(decode(LinkType::Raw, &bytes), Err(WireError::TooManyHeaders));
    }

    #[test]
    fn other_tunnels_stay_closed() {
        let inner = sample::udp4();
        let packet = sample::ipv4(47, &inner);
        let packet = decode(LinkType::Raw, &packet).unwrap();
        assert_eq!((packet.transport.number(), packet.payload), (47, &inner[..]));
    }
}
