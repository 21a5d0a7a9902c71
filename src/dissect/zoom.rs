//! Zoom's media over UDP: the opening at its servers, their pings, and its own kind of STUN.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{answered, each};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Zoom.
pub static PROTOCOL: Protocol =
    Protocol { id: 248, name: "ZOOM", category: "voip", ports: &[(Transport::Udp, 8801)] };

/// Openings.
pub static ZOOM: Dissector = Dissector {
    name: "zoom",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Attribute 0x0101, which nobody else has, with the placeholder that all its clients send.
const PLACEHOLDER: &[u8] = b"\x01\x01\0\x141234567890123456789\0";

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    each(prefix, stun)
        .or_else(|_| answered(prefix, question, |asked, bytes| returned(bytes) == Some(*asked)))
}

/// A binding request of RFC 3489 with nothing but the placeholder: 2^-200.
fn stun(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(&[0, 1, 0, 24])?;
    reader.skip(16)?;
    reader.literal(PLACEHOLDER)
}

/// `01 00 02` and 16 bytes of a conference's; or a ping of 12 bytes of numbers.
fn question(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [1, 0, 2, ..] if bytes.len() >= 64 => bytes.get(3..19),
        [3, 0, 0, 0, _, times @ ..] if times.len() == 8 => {
            // Two clocks in milliseconds; small numbers are another protocol's.
            let large = times.iter().filter(|&&byte| byte >= 16).count();
            bytes.get(1..).filter(|_| large >= 3)
        }
        _ => None,
    }
}

/// The same bytes behind the answer's own head: 2^-24 and 2^-128, or 2^-16 and 2^-64.
fn returned(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [2, 0, 1, ..] => bytes.get(3..19),
        [4, 0, 0, 0, ..] if bytes.len() == 13 => bytes.get(1..13),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn openings_and_pings_come_back() {
        let number = [0x7d; 16];
        let hello = join(&[&[1, 0, 2], &number, &[0x40; 60]]);
        let answer = join(&[&[2, 0, 1], &number, &hex("005a0e3e 007a002a")]);
        udp(58327, 8801).original(&hello).reply(&answer).survives("ZOOM");
        udp(58327, 8801).original(&hello).is_nobodys();
        let mut damaged = answer;
        damaged[10] = 1;
        udp(58327, 8801).original(&hello).reply(damaged).is_nobodys();
        let ping = |kind: u8| join(&[&[kind], &hex("00000001 762a8d74 005a0e3e")]);
        udp(58327, 8801).reply(ping(3)).original(ping(4)).survives("ZOOM");
    }

    #[test]
    fn its_stun_has_a_placeholder() {
        let head = hex("0001 0018 c15dae63585d14392e582c260403bf30");
        let ask = join(&[&head, b"\x01\x01\0\x141234567890123456789\0"]);
        udp(23903, 3478).original(&ask).survives("ZOOM");
        udp(23903, 3478).original(&ask[..43]).is_nobodys();
    }
}
