//! IPv4 (RFC 791 section 3.1), options stepped over.

use super::error::{Header, WireError};
use super::ip::{Ip, wire_len};
use super::view::{be_u16, be_u32};
use std::net::{IpAddr, Ipv4Addr};

/// The fixed part of the header.
#[derive(Debug, Clone, Copy)]
struct Ipv4<'a>(&'a [u8; 20]);

impl Ipv4<'_> {
    fn version(&self) -> u8 {
        let [first, ..] = *self.0;
        first >> 4
    }

    /// In bytes, options included.
    fn header_length(&self) -> u16 {
        let [first, ..] = *self.0;
        u16::from(first & 0x0f) << 2
    }

    /// RFC 2474 section 3.
    fn dscp(&self) -> u8 {
        let [_, class, ..] = *self.0;
        class >> 2
    }

    /// In bytes, header included.
    fn total_length(&self) -> u16 {
        be_u16::<2, _>(self.0)
    }

    /// In units of eight bytes.
    fn fragment_offset(&self) -> u16 {
        be_u16::<6, _>(self.0) & 0x1fff
    }

    fn protocol(&self) -> u8 {
        let [_, _, _, _, _, _, _, _, _, protocol, ..] = *self.0;
        protocol
    }

    fn source(&self) -> Ipv4Addr {
        be_u32::<12, _>(self.0).into()
    }

    fn destination(&self) -> Ipv4Addr {
        be_u32::<16, _>(self.0).into()
    }
}

/// Reads one header.
#[inline(always)]
pub(super) fn parse(bytes: &[u8]) -> Result<Ip<'_>, WireError> {
    let header = Ipv4(bytes.first_chunk().ok_or(WireError::Truncated(Header::Ipv4))?);
    if header.version() != 4 {
        return Err(WireError::BadVersion(header.version()));
    }
    let start = header.header_length();
    // 0 stands for "more than 16 bits" where the sender's network card cuts the packet up later
    // (a packet captured on its own sender): all that was captured belongs to it.
    let len = match header.total_length() {
        0 => wire_len(bytes),
        length => u32::from(length),
    };
    let body_len = len.checked_sub(u32::from(start));
    let (Some(body_len), 20..) = (body_len, start) else {
        return Err(WireError::BadLength(Header::Ipv4));
    };
    if header.fragment_offset() != 0 {
        return Err(WireError::LaterFragment);
    }
    let end = bytes.len().min(usize::try_from(len).unwrap_or(usize::MAX));
    let body = bytes.get(usize::from(start)..end).ok_or(WireError::Truncated(Header::Ipv4))?;
    Ok(Ip {
        source: IpAddr::V4(header.source()),
        destination: IpAddr::V4(header.destination()),
        dscp: header.dscp(),
        len,
        protocol: header.protocol(),
        body,
        body_len,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn fields_are_read() {
        let mut bytes = sample::udp4();
        bytes[1] = 46 << 2 | 3; // expedited forwarding, and ECN bits that do not belong to it
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!(packet.source.to_string(), "192.0.2.1");
        assert_eq!(packet.destination.to_string(), "198.51.100.2");
        assert_eq!((packet.dscp, packet.ip_len), (46, 20 + 8 + 7));
    }

    #[test]
    fn every_truncation_with_options() {
        let mut bytes = sample::udp4();
        bytes[0] = 0x46;
        bytes[3] += 4;
        bytes.splice(20..20, [1, 1, 1, 0]);
        sample::check(LinkType::Raw, &bytes, 4);
    }

    #[test]
    fn damaged_lengths() {
        let bad = Err(WireError::BadLength(Header::Ipv4));
        let mut damaged = sample::udp4();
        damaged[0] = 0x44;
        assert_eq!(decode(LinkType::Raw, &damaged), bad);
        damaged[0] = 0x4f; // 60 bytes of header in a packet of 35
        assert_eq!(decode(LinkType::Raw, &damaged), bad);
        damaged[0] = 0x45;
        damaged[3] = 19;
        assert_eq!(decode(LinkType::Raw, &damaged), bad);
        damaged[3] = 24;
        assert_eq!(decode(LinkType::Raw, &damaged), Err(WireError::Truncated(Header::Udp)));
    }

    #[test]
    fn a_length_of_zero_reaches_to_the_end() {
        let mut bytes = sample::udp4();
        bytes[2..4].copy_from_slice(&[0, 0]);
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.payload, packet.ip_len), (sample::PAYLOAD, 35));
    }

    #[test]
    fn first_fragments_are_read_and_later_ones_are_named() {
        let mut bytes = sample::udp4();
        bytes[6] = 0x20;
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        assert_eq!((packet.source_port, packet.payload), (sample::PORT, sample::PAYLOAD));
        for field in [[0x20, 1], [0, 1], [0x1f, 0xff]] {
            bytes[6..8].copy_from_slice(&field);
            assert_eq!(decode(LinkType::Raw, &bytes), Err(WireError::LaterFragment));
        }
    }

    #[test]
    fn a_snap_length_cuts_the_payload_and_not_its_length() {
        let bytes = sample::udp4();
        let packet = decode(LinkType::Raw, &bytes[..30]).unwrap();
        assert_eq!((packet.payload.len(), packet.payload_len, packet.ip_len), (2, 7, 35));
    }
}
