//! IPv6 (RFC 8200 section 3); extension headers are in their own file.

use super::error::{Header, WireError};
use super::extension;
use super::ip::{Ip, wire_len};
use super::view::{be_u16, field};
use std::net::{IpAddr, Ipv6Addr};

const LENGTH: u32 = 40;

#[derive(Debug, Clone, Copy)]
struct Ipv6<'a>(&'a [u8; 40]);

impl Ipv6<'_> {
    fn version(&self) -> u8 {
        let [first, ..] = *self.0;
        first >> 4
    }

    /// The high six bits of the traffic class, which starts in the middle of the first byte.
    fn dscp(&self) -> u8 {
        (be_u16::<0, _>(self.0) >> 6 & 0x3f) as u8
    }

    /// In bytes, behind this header.
    fn payload_length(&self) -> u16 {
        be_u16::<4, _>(self.0)
    }

    fn next_header(&self) -> u8 {
        let [_, _, _, _, _, _, next, ..] = *self.0;
        next
    }

    fn source(&self) -> Ipv6Addr {
        field::<8, 16, _>(self.0).into()
    }

    fn destination(&self) -> Ipv6Addr {
        field::<24, 16, _>(self.0).into()
    }
}

/// Reads one header.
pub(super) fn parse(bytes: &[u8]) -> Result<Ip<'_>, WireError> {
    let (header, rest) = bytes.split_first_chunk().ok_or(WireError::Truncated(Header::Ipv6))?;
    let header = Ipv6(header);
    if header.version() != 6 {
        return Err(WireError::BadVersion(header.version()));
    }
    // 0 is a jumbogram (RFC 2675), or a packet captured on its own sender as for IPv4.
    let body_len = match header.payload_length() {
        0 => extension::jumbo_length(header.next_header(), rest).unwrap_or(wire_len(rest)),
        length => u32::from(length),
    };
    let end = usize::try_from(body_len).unwrap_or(usize::MAX);
    Ok(Ip {
        source: IpAddr::V6(header.source()),
        destination: IpAddr::V6(header.destination()),
        dscp: header.dscp(),
        len: body_len.saturating_add(LENGTH),
        protocol: header.next_header(),
        body: rest.get(..end).unwrap_or(rest),
        body_len,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn fields_are_read() {
        let mut bytes = sample::udp6();
        bytes[0] = 0x6b; // traffic class 0xbb: DSCP 46, ECN 3
        bytes[1] = 0xb0;
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!(packet.source.to_string(), "2001:db8::1");
        assert_eq!(packet.destination.to_string(), "2001:db8::2");
        assert_eq!((packet.dscp, packet.ip_len), (46, 40 + 8 + 7));
    }

    #[test]
    fn damaged_lengths() {
        let mut bytes = sample::udp6();
        bytes[5] = 7;
        assert_eq!(decode(LinkType::Raw, &bytes), Err(WireError::Truncated(Header::Udp)));
        bytes[5] = 0;
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.payload, packet.ip_len), (sample::PAYLOAD, 55));
        bytes[4] = 0xff;
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.payload, packet.payload_len), (sample::PAYLOAD, 7));
    }
}
