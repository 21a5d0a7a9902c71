//! Per-Packet Information: metadata before a frame of any link type, little-endian.
//!
//! tcpdump.org/linktypes/LINKTYPE_PPI.html: version, flags, length of all metadata, link type.

use super::error::{Header, WireError};
use super::link::LinkType;
use crate::bytes::Reader;

/// The link type inside, and its frame.
pub(super) fn parse(frame: &[u8]) -> Result<(LinkType, &[u8]), WireError> {
    let truncated = |_| WireError::Truncated(Header::Ppi);
    let mut header = Reader::datagram(frame);
    header.skip(2).map_err(truncated)?; // version, flags
    let length = usize::from(header.u16_le().map_err(truncated)?);
    let link = header.u32_le().map_err(truncated)?;
    if length < 8 {
        return Err(WireError::BadLength(Header::Ppi));
    }
    let rest = frame.get(length..).ok_or(WireError::Truncated(Header::Ppi))?;
    Ok((LinkType::from(i32::try_from(link).unwrap_or(i32::MAX)), rest))
}

#[cfg(test)]
mod tests {
    use super::super::{decode, sample};
    use super::*;

    fn frame(link: u32, fields: &[u8], inside: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + fields.len()).unwrap().to_le_bytes();
        [&[0, 0][..], &length, &link.to_le_bytes(), fields, inside].concat()
    }

    #[test]
    fn every_truncation_with_and_without_fields() {
        for fields in [&[][..], &[2, 0, 4, 0, 1, 2, 3, 4]] {
            let raw = frame(101, fields, &sample::udp4());
            sample::check(LinkType::Ppi, &raw, 8 + fields.len());
            let ethernet = frame(1, fields, &sample::ethernet(0x0800, &sample::udp4()));
            sample::check(LinkType::Ppi, &ethernet, 22 + fields.len());
        }
    }

    #[test]
    fn damaged_lengths_and_nesting() {
        let mut damaged = frame(101, &[], &sample::udp4());
        damaged[2] = 7;
        assert_eq!(decode(LinkType::Ppi, &damaged), Err(WireError::BadLength(Header::Ppi)));
        damaged[3] = 0xff;
        assert_eq!(decode(LinkType::Ppi, &damaged), Err(WireError::Truncated(Header::Ppi)));
        let nested = frame(192, &[], &frame(192, &[], &sample::udp4()));
        assert_eq!(decode(LinkType::Ppi, &nested), Err(WireError::TooManyHeaders));
        let unknown = frame(u32::MAX, &[], &[]);
        assert_eq!(decode(LinkType::Ppi, &unknown), Err(WireError::UnknownLink(i32::MAX)));
    }
}
