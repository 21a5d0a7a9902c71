//! Genshin Impact and its kin over UDP: the handshake in front of their variant of KCP.
//!
//! Twenty bytes as open servers of the game write them: `ff`, two numbers, 1234567890, all ones;
//! answered by `145`, the two numbers given, the same, `14514545`.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
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
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

const CONSTANT: u32 = 1_234_567_890;

/// Twelve fixed bytes of twenty: 2^-96. The third pair disconnects.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
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
    use crate::dissect::sample::{hex, udp};

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
}
