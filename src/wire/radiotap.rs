//! Radiotap before an 802.11 frame (radiotap.org): little-endian, fields announced by a bitmap.
//!
//! One field matters here: whether the driver padded the 802.11 header to four bytes.

use super::error::{Header, WireError};
use super::ieee80211;
use super::link::Link;
use crate::bytes::{Reader, Stop};

/// Bit 0, TSFT: eight bytes, aligned to eight, the only field before the flags.
const TSFT: u32 = 1;
/// Bit 1, flags: one byte.
const FLAGS: u32 = 1 << 1;
/// Another bitmap follows.
const MORE: u32 = 1 << 31;
/// In the flags: padding between the 802.11 header and its body.
const DATA_PAD: u8 = 0x20;

/// Steps over the header, then reads 802.11.
pub(super) fn parse(frame: &[u8]) -> Result<Link<'_>, WireError> {
    let mut header = Reader::datagram(frame);
    let length = (|| {
        header.skip(2)?; // version, pad
        header.u16_le()
    })();
    let length = usize::from(length.map_err(|_| WireError::Truncated(Header::Radiotap))?);
    let inside = frame.get(length..).ok_or(WireError::Truncated(Header::Radiotap))?;
    let fields = frame.get(4..length).ok_or(WireError::BadLength(Header::Radiotap))?;
    let padded = padded(fields).map_err(|_| WireError::BadLength(Header::Radiotap))?;
    ieee80211::parse(inside, padded)
}

/// Reads the flags behind the bitmaps. `fields` start 4 bytes into the header.
fn padded(fields: &[u8]) -> Result<bool, Stop> {
    let mut reader = Reader::inner(fields);
    let present = reader.u32_le()?;
    let mut more = present;
    while more & MORE != 0 {
        more = reader.u32_le()?; // runs out of `fields` at the latest
    }
    if present & FLAGS == 0 {
        return Ok(false);
    }
    if present & TSFT != 0 {
        // Aligned from the start of the header: the first bitmap ends at 8, each further one
        // moves it by 4.
        if fields.len().saturating_sub(reader.len()).is_multiple_of(8) {
            reader.skip(4)?;
        }
        reader.skip(8)?;
    }
    Ok(reader.u8()? & DATA_PAD != 0)
}

#[cfg(test)]
mod tests {
    use super::super::{LinkType, decode, sample};
    use super::*;

    fn frame(fields: &[u8], inside: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + fields.len()).unwrap().to_le_bytes();
        [&[0, 0][..], &length, fields, inside].concat()
    }

    /// QoS data from the distribution system: header of 26 bytes, so 2 of padding where asked.
    fn qos(pad: &[u8]) -> Vec<u8> {
        let mut header = vec![0x88, 2, 0, 0];
        header.extend([2, 0, 0, 0, 0, 2, 9, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1]);
        header.extend([0, 0, 0, 0]);
        header.extend(pad);
        header.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
        header.extend(sample::udp4());
        header
    }

    #[test]
    fn every_truncation_of_each_set_of_fields() {
        let stamp = [7u8; 8];
        for (fields, pad) in [
            ([0u8, 0, 0, 0].to_vec(), &[][..]),
            ([2, 0, 0, 0, 0x20].to_vec(), &[0, 0]),
            ([2, 0, 0, 0, 0x10].to_vec(), &[]),
            ([&[3, 0, 0, 0][..], &stamp, &[0x20]].concat(), &[0, 0]),
            // Two bitmaps: the time stamp is aligned from 12 to 16.
            ([&[3, 0, 0, 0x80, 0, 0, 0, 0, 1, 1, 1, 1][..], &stamp, &[0x20]].concat(), &[0, 0]),
            ([&[3, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0][..], &stamp, &[0x20]].concat(), &[0, 0]),
        ] {
            let frame = frame(&fields, &qos(pad));
            sample::check(LinkType::Radiotap, &frame, 4 + fields.len() + 34 + pad.len());
        }
    }

    #[test]
    fn damaged_lengths_and_endless_bitmaps() {
        let mut damaged = frame(&[0; 4], &qos(&[]));
        damaged[2] = 3;
        let bad = Err(WireError::BadLength(Header::Radiotap));
        assert_eq!(decode(LinkType::Radiotap, &damaged), bad);
        damaged[2] = 7;
        assert_eq!(decode(LinkType::Radiotap, &damaged), bad);
        damaged[3] = 0x40;
        let truncated = Err(WireError::Truncated(Header::Radiotap));
        assert_eq!(decode(LinkType::Radiotap, &damaged), truncated);
        assert_eq!(decode(LinkType::Radiotap, &frame(&[0xff; 64], &[])), bad);
    }
}
