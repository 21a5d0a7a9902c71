//! Packets with a long header, RFC 9000 section 17.2, which share datagrams (section 12.2).

#![deny(clippy::arithmetic_side_effects)]

use super::version::{Family, Version, is_grease};
use crate::bytes::{Reader, Stop};

/// The longest connection identifier of the versions known here, RFC 9000 section 17.2.
const CONNECTION_ID_MAX: usize = 20;

/// Packets with a long header.
#[derive(Debug, Clone, Copy)]
pub enum Long<'a> {
    /// Section 17.2.2: its keys can be made from what is visible.
    Initial(Initial<'a>),
    /// 0-RTT, Handshake or Retry of that version: nothing to be read.
    Closed(u32),
    /// Section 17.2.1; one of the server's versions is known here.
    Negotiation,
    /// A version that exists to be refused; what it looks like is not defined.
    Grease,
}

/// An Initial packet, still protected.
#[derive(Debug, Clone, Copy)]
pub struct Initial<'a> {
    /// Its version.
    pub version: Version,
    /// First byte, its low four bits protected.
    pub first: u8,
    /// Destination connection identifier.
    pub dcid: &'a [u8],
    /// Packet number, payload and tag; cut if the datagram is.
    pub protected: &'a [u8],
    /// All of it is there.
    pub whole: bool,
}

/// A variable-length integer, RFC 9000 section 16.
pub fn varint(reader: &mut Reader<'_>) -> Result<u64, Stop> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)).saturating_sub(1);
    let bytes = reader.take(more)?;
    let start = u64::from(first & 0x3f);
    Ok(bytes.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
}

impl<'a> Long<'a> {
    /// The next packet of a datagram; `NotMine` if it has no long header of a known version.
    pub fn parse(reader: &mut Reader<'a>) -> Result<Long<'a>, Stop> {
        let first = reader.u8()?;
        if first & 0x80 == 0 {
            return Err(Stop::NotMine); // short header: no telling
        }
        let number = reader.u32()?;
        let version = Version::of(number);
        let negotiates = number == 0 || is_grease(number);
        if version.is_none() && !negotiates || first & 0x40 == 0 && number != 0 {
            return Err(Stop::NotMine);
        }
        let (dcid, scid) = (reader.sub_u8()?.rest(), reader.sub_u8()?.rest());
        if dcid.len().max(scid.len()) > CONNECTION_ID_MAX {
            return Err(Stop::NotMine);
        }
        let Some(version) = version else {
            let rest = std::mem::replace(reader, Reader::datagram(&[]));
            return if number == 0 { negotiation(rest) } else { Ok(Long::Grease) };
        };
        // Type numbers: RFC 9000 section 17.2, RFC 9369 section 3.2.
        let shift = if version.family == Family::Second { 1 } else { 0 };
        match (first >> 4 & 3, shift) {
            (0, 0) | (1, 1) => {
                let token = varint(reader)?;
                reader.skip(usize::try_from(token).map_err(|_| Stop::NotMine)?)?;
                let (protected, whole) = body(reader)?;
                Ok(Long::Initial(Initial { version, first, dcid, protected, whole }))
            }
            (3, 0) | (0, 1) => {
                *reader = Reader::datagram(&[]); // Retry has no length: it fills the datagram
                Ok(Long::Closed(number))
            }
            _ => body(reader).map(|_| Long::Closed(number)),
        }
    }
}

/// What a Length field announces, or as much of it as is left.
fn body<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], bool), Stop> {
    let length = usize::try_from(varint(reader)?).map_err(|_| Stop::NotMine)?;
    let whole = length <= reader.len();
    // 4 bytes of packet number and 16 of sample always stand there, RFC 9001 section 5.4.2.
    if length < 20 || length > usize::from(u16::MAX) {
        return Err(Stop::NotMine);
    }
    Ok((reader.take(length.min(reader.len()))?, whole))
}

fn negotiation(mut versions: Reader<'_>) -> Result<Long<'_>, Stop> {
    while !versions.is_empty() {
        if Version::of(versions.u32()?).is_some() {
            return Ok(Long::Negotiation);
        }
    }
    Err(Stop::NotMine)
}
