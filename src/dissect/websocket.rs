//! WebSocket frames (RFC 6455 section 5.2) in a connection whose opening was not seen.

use crate::bytes::{Reader, Stop};
use crate::dissect::http::WEBSOCKET as PROTOCOL;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Frames of both sides.
pub static WEBSOCKET: Dissector = Dissector {
    name: "websocket",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// A whole text frame.
const TEXT: u8 = 0x81;
/// Printable bytes that a text must have: 2^-11 for them.
const TEXT_MIN: usize = 8;

/// A text frame of each side, of one masked and of the other not, each of one segment's length and
/// printable: 2^-8, 2^-8 and 2^-11 a side.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if prefix.from_start {
        return Err(Stop::NotMine); // it began as HTTP
    }
    let [original, reply] = prefix.both();
    let masked = |side: &[u8]| side.get(1).is_some_and(|length| length & 0x80 != 0);
    for side in [original, reply] {
        if side.first().is_some_and(|&first| first != TEXT) {
            return Err(Stop::NotMine);
        }
    }
    if original.is_empty() || reply.is_empty() {
        return Err(Stop::NeedMore);
    }
    text(original)?;
    text(reply)?;
    if masked(original) == masked(reply) { Err(Stop::NotMine) } else { Ok(()) }
}

fn text(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    reader.literal(&[TEXT])?;
    let first = reader.u8()?;
    let length = match first & 0x7f {
        126 => usize::from(reader.u16()?),
        127 => return Err(Stop::NotMine),
        short => usize::from(short),
    };
    let key = if first & 0x80 != 0 { reader.array::<4>()? } else { [0; 4] };
    let text = reader.take(length)?;
    let printable = text.iter().zip(key.iter().cycle()).all(|(byte, key)| {
        let byte = byte ^ key;
        byte >= b' ' && byte != 0x7f || b"\t\r\n".contains(&byte)
    });
    let ascii = text.iter().zip(key.iter().cycle()).filter(|(byte, key)| (**byte ^ **key) < 0x80);
    // The next frame, if there is one, starts where this ends.
    let next =
        reader.peek().is_none_or(|first| matches!(first, 0x01 | 0x02 | 0x80..=0x82 | 0x88..=0x8a));
    require(printable && ascii.count() >= TEXT_MIN && next)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn frames_of_both_sides_are_a_websocket() {
        let server = join(&[&[0x81, 10], b"Welcome, z"]);
        let key = [0xe1, 0x7e, 0x8e, 0xb9];
        let masked: Vec<u8> =
            b"test message".iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let client = join(&[&hex("818c"), &key, &masked]);
        let flow = tcp(12345, 50999).midway().original(&server);
        flow.clone().reply(&client).survives("Websocket");
        flow.clone().reply(&server).is_nobodys();
        flow.is_nobodys();
        tcp(12345, 50999).original(&server).reply(&client).is_nobodys();
    }
}
