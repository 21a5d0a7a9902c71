//! IEEE C37.118.2: synchrophasors over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::crc::crc_ccitt;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Synchrophasors.
pub static PROTOCOL: Protocol =
    Protocol { id: 50203, name: "IEEE-C37118", category: "infrastructure", ports: &[] };

/// Its messages.
pub static C37118: Dissector = Dissector {
    name: "c37118",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A configuration of many measuring units is longer than this and told by its neighbours.
const FRAME_MAX: usize = 1024;

/// Section 6.2: the sync byte, a type and version, the frame's size, and the checksum at its end:
/// 2^-8, 2^-4, 2^-16 in a datagram and 2^-6 in a stream, 2^-16. A command's size is fixed besides.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xaa])?;
    let kind = part.u8();
    let size = usize::from(part.u16());
    require(kind >> 4 <= 5 && matches!(kind & 0x0f, 1 | 2) && (16..=FRAME_MAX).contains(&size))?;
    require(part.is_stream() || size == part.bytes.len())?;
    part.skip(size.saturating_sub(6));
    let sum = part.u16();
    require(sum == crc_ccitt(part.bytes.get(..size.saturating_sub(2)).unwrap_or_default()))?;
    // A command is exactly so long.
    require(!part.is_stream() || (kind >> 4 != 4) || size == 18)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn frames_carry_their_checksum() {
        let command = hex("aa41001200f100000000000000000005d7d0");
        tcp(40000, 4712).original(&command).survives("IEEE-C37118");
        udp(40000, 4713).original(&command).survives("IEEE-C37118");
        udp(40000, 4713).original(hex("aa41001200f100000000000000000005d7d1")).is_nobodys();
    }
}
