//! KCP over UDP, the transport of many mobile games.
//!
//! skywind3000/kcp, protocol.txt: little-endian conversation, command, fragment, window, time, number,
//! next number wanted, length.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// KCP.
pub static PROTOCOL: Protocol = Protocol { id: 50115, name: "KCP", category: "games", ports: &[] };

/// Segments of either side.
pub static KCP: Dissector = Dissector {
    name: "kcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
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
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let mut conversation = None;
    for _ in 0..SEGMENTS_MAX {
        let number = segment(part)?;
        if number == 0 || *conversation.get_or_insert(number) != number {
            return Err(Stop::NotMine);
        }
        if part.is_empty() {
            return Ok(());
        }
    }
    Err(Stop::NotMine)
}

fn segment(part: &mut Part<'_>) -> Result<u32, Stop> {
    let conversation = part.u32_le();
    let (command, fragment) = (part.u8(), part.u8());
    let window = part.u16_le();
    part.skip(4); // time
    let (number, wanted) = (part.u32_le(), part.u32_le());
    let length = part.u32_le();
    let near = number.wrapping_sub(wanted).wrapping_add(NUMBERS_APART_MAX / 2) < NUMBERS_APART_MAX;
    let sane = match command {
        PUSH => length > 0,
        ACKNOWLEDGE | ASK_WINDOW | TELL_WINDOW => length == 0 && fragment == 0,
        _ => false,
    };
    if !sane || fragment >= 128 || !near || window == 0 {
        return Err(Stop::NotMine);
    }
    part.skip(usize::try_from(length).map_err(|_| Stop::NotMine)?);
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
