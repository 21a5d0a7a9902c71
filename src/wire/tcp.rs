//! TCP (RFC 9293 section 3.1), options stepped over.

use super::error::{Header, WireError};
use super::ip::Ip;
use super::view::{be_u16, be_u32};
use super::{Segment, TcpFlags, TcpInfo};

/// The fixed part of the header.
#[derive(Debug, Clone, Copy)]
struct Tcp<'a>(&'a [u8; 20]);

impl Tcp<'_> {
    fn source_port(&self) -> u16 {
        be_u16::<0, _>(self.0)
    }

    fn destination_port(&self) -> u16 {
        be_u16::<2, _>(self.0)
    }

    fn info(&self) -> TcpInfo {
        let [_, _, _, _, _, _, _, _, _, _, _, _, _, flags, ..] = *self.0;
        TcpInfo {
            flags: TcpFlags::from_bits(flags),
            sequence: be_u32::<4, _>(self.0),
            acknowledgement: be_u32::<8, _>(self.0),
        }
    }

    /// Data offset: length of the header in bytes.
    fn header_length(&self) -> u8 {
        let [_, _, _, _, _, _, _, _, _, _, _, _, offset, ..] = *self.0;
        offset >> 4 << 2
    }
}

/// Reads the header. Options may be cut by the snap length or by a fragment's end: then there is no
/// payload.
#[inline(always)]
pub(super) fn parse<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, WireError> {
    let header = Tcp(ip.body.first_chunk().ok_or(WireError::Truncated(Header::Tcp))?);
    let length = header.header_length();
    let (20.., Some(payload_len)) = (length, ip.body_len.checked_sub(u32::from(length))) else {
        return Err(WireError::BadLength(Header::Tcp));
    };
    Ok(Segment {
        source_port: header.source_port(),
        destination_port: header.destination_port(),
        tcp: Some(header.info()),
        payload: ip.body.get(usize::from(length)..).unwrap_or_default(),
        payload_len,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn fields_are_read() {
        let bytes = sample::ipv4(6, &sample::tcp(&[], b"GET /"));
        let packet = decode(LinkType::Raw, &bytes).unwrap();
        let tcp = packet.tcp.unwrap();
        assert_eq!((packet.source_port, packet.destination_port), (sample::PORT, 53));
        assert_eq!((tcp.sequence, tcp.acknowledgement), (0x0102_0304, 0xf5f6_f7f8));
        assert_eq!(tcp.flags, TcpFlags::PSH | TcpFlags::ACK);
        assert_eq!((packet.payload, packet.payload_len), (&b"GET /"[..], 5));
    }

    #[test]
    fn every_truncation_with_options() {
        let bytes = sample::ipv4(6, &sample::tcp(&[1; 12], b"GET /"));
        for cut in 0..bytes.len() {
            match decode(LinkType::Raw, &bytes[..cut]) {
                Ok(packet) => {
                    assert!(cut >= 40);
                    assert_eq!(packet.payload, &b"GET /"[..cut.saturating_sub(52)]);
                    assert_eq!(packet.payload_len, 5);
                }
                Err(WireError::Truncated(_)) => assert!(cut < 40),
                Err(other) => panic!("{cut}: {other}"),
            }
        }
    }

    #[test]
    fn damaged_lengths() {
        let mut bytes = sample::ipv4(6, &sample::tcp(&[], b"GET /"));
        for offset in [0x00, 0x40, 0x70, 0xf0] {
            bytes[32] = offset;
            assert_eq!(decode(LinkType::Raw, &bytes), Err(WireError::BadLength(Header::Tcp)));
        }
    }
}
