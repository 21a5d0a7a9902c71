//! UDP (RFC 768).

use super::Segment;
use super::error::{Header, WireError};
use super::ip::Ip;
use super::view::be_u16;

/// Bytes of the header.
const LENGTH: u16 = 8;

#[derive(Debug, Clone, Copy)]
struct Udp<'a>(&'a [u8; 8]);

impl Udp<'_> {
    fn source_port(&self) -> u16 {
        be_u16::<0, _>(self.0)
    }

    fn destination_port(&self) -> u16 {
        be_u16::<2, _>(self.0)
    }

    /// In bytes, header included.
    fn length(&self) -> u16 {
        be_u16::<4, _>(self.0)
    }
}

/// Reads the header. The payload has UDP's own length, but never more than IP has (a first fragment
/// has less). 0 is a jumbogram's (RFC 2675 section 4): all that IP has.
#[inline(always)]
pub(super) fn parse<'a>(ip: &Ip<'a>) -> Result<Segment<'a>, WireError> {
    let (header, rest) = ip.body.split_first_chunk().ok_or(WireError::Truncated(Header::Udp))?;
    let header = Udp(header);
    let in_ip = ip.body_len.saturating_sub(u32::from(LENGTH));
    let payload_len = match header.length() {
        0 => in_ip,
        length => match length.checked_sub(LENGTH) {
            Some(own) => in_ip.min(u32::from(own)),
            None => return Err(WireError::BadLength(Header::Udp)),
        },
    };
    let end = usize::try_from(payload_len).unwrap_or(usize::MAX);
    Ok(Segment {
        source_port: header.source_port(),
        destination_port: header.destination_port(),
        tcp: None,
        payload: rest.get(..end).unwrap_or(rest),
        payload_len,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    #[test]
    fn every_truncation() {
        sample::check(LinkType::Raw, &sample::udp4(), 0);
        sample::check(LinkType::Raw, &sample::udp6(), 0);
    }

    /// UDP's length field, and the payload's length seen.
    const LENGTHS: &[(u16, Result<u32, WireError>)] = &[
        (0, Ok(7)),
        (8, Ok(0)),
        (12, Ok(4)),
        (15, Ok(7)),
        (16, Ok(7)),
        (0xffff, Ok(7)),
        (1, Err(WireError::BadLength(Header::Udp))),
        (7, Err(WireError::BadLength(Header::Udp))),
    ];

    #[test]
    fn damaged_lengths() {
        for (length, expected) in LENGTHS {
            let mut bytes = sample::udp4();
            bytes[24..26].copy_from_slice(&length.to_be_bytes());
            let packet = decode(LinkType::Raw, &bytes);
            assert_eq!(packet.as_ref().map(|p| p.payload_len).map_err(|e| *e), *expected);
            if let Ok(packet) = packet {
                assert_eq!(u32::try_from(packet.payload.len()).unwrap(), packet.payload_len);
            }
        }
    }
}
