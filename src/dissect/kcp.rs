//! KCP over UDP, the transport of many mobile games.
//!
//! skywind3000/kcp, protocol.txt: little-endian conversation, command, fragment, window, time, number,
//! next number wanted, length.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// KCP.
pub static PROTOCOL: Protocol = Protocol { id: 50115, name: "KCP", category: "games", ports: &[] };

/// Segments of either side.
pub static KCP: Dissector = Dissector {
    name: "kcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

const PUSH: u8 = 81;
const ACKNOWLEDGE: u8 = 82;
const ASK_WINDOW: u8 = 83;
const TELL_WINDOW: u8 = 84;
/// Segments in one datagram.
const SEGMENTS_MAX: usize = 64;
/// Numbers of one side and of what it waits for, in a conversation that has just begun.
const NUMBERS_APART_MAX: u32 = 0x1_0000;

/// Segments that fill the datagram: each a command (2^-6), fragments below 128 (2^-1), a length that
/// ends it or nothing (2^-32), numbers that are near (2^-15), one conversation: 2^-54.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        let mut conversation = None;
        for _ in 0..SEGMENTS_MAX {
            let number = segment(&mut reader)?;
            if number == 0 || *conversation.get_or_insert(number) != number {
                return Err(Stop::NotMine);
            }
            if reader.is_empty() {
                return Ok(Facts::of(&PROTOCOL));
            }
        }
        Err(Stop::NotMine)
    })
}

fn segment(reader: &mut Reader<'_>) -> Result<u32, Stop> {
    let conversation = reader.u32_le()?;
    let (command, fragment) = (reader.u8()?, reader.u8()?);
    let window = reader.u16_le()?;
    reader.skip(4)?; // time
    let (number, wanted) = (reader.u32_le()?, reader.u32_le()?);
    let length = reader.u32_le()?;
    let near = number.wrapping_sub(wanted).wrapping_add(NUMBERS_APART_MAX / 2) < NUMBERS_APART_MAX;
    let sane = match command {
        PUSH => length > 0,
        ACKNOWLEDGE | ASK_WINDOW | TELL_WINDOW => length == 0 && fragment == 0,
        _ => false,
    };
    if !sane || fragment >= 128 || !near || window == 0 {
        return Err(Stop::NotMine);
    }
    reader.skip(usize::try_from(length).map_err(|_| Stop::NotMine)?)?;
    Ok(conversation)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn segments_fill_the_datagram() {
        let push = hex("0a000000 51 02 8000 14000000 03000000 03000000 04000000 01020304");
        let ack = hex("0a000000 52 00 7f00 14000000 00000000 01000000 00000000");
        udp(47356, 8000).original(&push).survives("KCP");
        udp(47356, 8000).original(join(&[&ack, &push])).survives("KCP");
        for at in [4, 15, 20] {
            let mut damaged = push.clone();
            damaged[at] = 5;
            udp(47356, 8000).original(damaged).is_nobodys();
        }
    }
}
