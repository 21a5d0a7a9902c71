//! Google's QUIC before it had TLS: the packet headers of Q024 to Q046 and the client's hello
//! (CHLO), a map of tags in the clear. From "QUIC Wire Layout Specification" and "QUIC Crypto",
//! Google's documents of 2016; Q050 has the same hello in encrypted packets.

#![deny(clippy::arithmetic_side_effects)]

use crate::bytes::{Reader, Stop};
use crate::facts::host_name;

/// A hello's tags are counted; more than this is nonsense. Real ones have up to thirty.
const TAGS_MAX: u16 = 64;
/// The hello begins within this many bytes of a packet: the longest header, hash and frame header.
const HELLO_WITHIN: usize = 64;

/// The version of a packet that names one, and what follows it; `NotMine` for any other.
pub fn version(datagram: &[u8]) -> Result<(u32, &[u8]), Stop> {
    let mut reader = Reader::datagram(datagram);
    match reader.u8()? {
        // Public flags: version and connection identifier are there, none of the two unused bits.
        flags if flags & 0xc9 == 0x09 => reader.skip(8)?,
        flags if flags & 0xc0 == 0xc0 => {} // Q044 and Q046: as in RFC 9000
        _ => return Err(Stop::NotMine),
    }
    let version = reader.array::<4>()?;
    match version {
        [b'Q', b'0', b'2'..=b'4', b'0'..=b'9'] => Ok((u32::from_be_bytes(version), reader.rest())),
        _ => Err(Stop::NotMine),
    }
}

/// The host in a packet's hello. `NeedMore` if the packet holds none or not all of it.
pub fn packet_host(rest: &[u8]) -> Result<Option<Box<str>>, Stop> {
    let head = rest.get(..HELLO_WITHIN).unwrap_or(rest);
    let at = head.windows(4).position(|tag| tag == b"CHLO").ok_or(Stop::NeedMore)?;
    hello_host(rest.get(at..).unwrap_or_default())
}

/// The host in a hello: tag, count, padding, then tags with the end of each value, then values.
pub fn hello_host(hello: &[u8]) -> Result<Option<Box<str>>, Stop> {
    let mut reader = Reader::stream(hello);
    reader.literal(b"CHLO")?;
    let count = reader.u16_le()?;
    reader.skip(2)?;
    if count > TAGS_MAX {
        return Err(Stop::Malformed);
    }
    let mut index = Reader::inner(reader.take(usize::from(count).saturating_mul(8))?);
    let (mut start, mut host) = (0_u32, None);
    while !index.is_empty() {
        let (tag, end) = (index.array::<4>()?, index.u32_le()?);
        if end < start {
            return Err(Stop::Malformed);
        }
        if &tag == b"SNI\0" {
            host = Some((start, end));
        }
        start = end;
    }
    let Some((start, end)) = host else { return Ok(None) };
    let size = |value| usize::try_from(value).map_err(|_| Stop::Malformed);
    reader.skip(size(start)?)?;
    Ok(host_name(reader.take(size(end.saturating_sub(start))?)?))
}
