//! Genshin Impact and its kin: over UDP the handshake in front of their variant of KCP, over TCP the
//! messages that its servers at a cloud exchange.
//!
//! UDP: twenty bytes as open servers of the game write them: `ff`, two numbers, 1234567890, all
//! ones; answered by `145`, the two numbers given, the same, `14514545`.
//! TCP: `01000000`, the length of the message in one byte, its kind, a counter of four bytes, eight
//! bytes that are the same in every message of every connection that was seen.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Genshin Impact.
pub static PROTOCOL: Protocol = Protocol {
    id: 271,
    name: "Genshin/Impact",
    category: "games",
    ports: &[(Transport::Udp, 22101), (Transport::Udp, 22102)],
};

/// The handshake.
pub static GENSHIN: Dissector = Dissector {
    name: "genshin",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

const CONSTANT: u32 = 1_234_567_890;

const VERSION: [u8; 4] = [1, 0, 0, 0];
/// Length, kind and counter.
const VARIABLE_BYTES: usize = 6;
const GAME: [u8; 8] = [0xae, 0xc6, 0x75, 0xe1, 0, 0, 0x4d, 0xa6];

/// Twelve fixed bytes over either: 2^-96.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if prefix.transport == Transport::Tcp {
        return each(prefix, |bytes| {
            let mut reader = Reader::stream(bytes);
            reader.literal(&VERSION)?;
            reader.skip(VARIABLE_BYTES)?;
            reader.literal(&GAME)?;
            Ok(Facts::of(&PROTOCOL))
        });
    }
    handshake(prefix)
}

/// Twenty bytes; the third pair disconnects.
fn handshake(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        let first = reader.u32()?;
        reader.skip(8)?;
        let (constant, last) = (reader.u32()?, reader.u32()?);
        let known = matches!(
            (first, last),
            (0xff, 0xffff_ffff) | (0x145, 0x1451_4545) | (0x194, 0x1941_9494)
        );
        let fixed = constant == CONSTANT || first == 0x194;
        if known && fixed && reader.is_empty() {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn the_handshake_is_genshin() {
        let ask = hex("000000ff 00000000 00000000 499602d2 ffffffff");
        udp(58766, 22101).original(&ask).survives("Genshin/Impact");
        let answer = hex("00000145 00031832 3a0da215 499602d2 14514545");
        udp(58766, 22101).reply(answer).survives("Genshin/Impact");
        let mut damaged = ask;
        damaged[12] = 0;
        udp(58766, 22101).original(damaged).is_nobodys();
    }

    #[test]
    fn messages_over_tcp_are_genshin() {
        let hello = hex("01000000 2a07 00000000 aec675e1 00004da6 0000 0000 0000 0000 62614382");
        tcp(39822, 80).original(&hello).survives("Genshin/Impact");
        let answer = hex("01000000 3208 00000001 aec675e1 00004da6 81436162 dd920400");
        tcp(39822, 80).reply(answer).survives("Genshin/Impact");
        let mut damaged = hello;
        damaged[17] = 0;
        tcp(39822, 80).original(damaged).is_nobodys();
    }
}
