//! OICQ: the UDP protocol of QQ's clients.
//!
//! Layout and commands as in Wireshark's packet-oicq.c: 2, a version, a command, a number, the
//! account, the encrypted body, 3.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// OICQ.
pub static PROTOCOL: Protocol =
    Protocol { id: 320, name: "OICQ", category: "messaging", ports: &[] };

/// Messages of either side.
pub static OICQ: Dissector = Dissector {
    name: "oicq",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::PartAt(&[PORT], dissect),
    teach: None,
};

/// QQ's servers. Others use it too.
const PORT: u16 = 8000;

/// The ends are fixed (2^-16), of the commands 34 exist (2^-11), and an account is not zero. That alone
/// is weak, 2^-27: it counts only to or from QQ's port.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[2])?;
    part.skip(2);
    let command = part.u16();
    part.skip(2);
    let account = part.u32();
    let known = matches!(command, 1 | 2 | 4..=6 | 9..=11 | 13 | 0x12 | 0x16..=0x18 | 0x1a
            | 0x1c | 0x1d | 0x21 | 0x22 | 0x26 | 0x27 | 0x29 | 0x30 | 0x31 | 0x3c..=0x3e | 0x58
            | 0x5c | 0x62 | 0x65 | 0x67 | 0x80 | 0x81 | 0xb5);
    require(known && account >= 10_000 && part.bytes.len() >= 20 && part.bytes.last() == Some(&3))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn messages_count_on_the_port() {
        let message = hex("02 3b0b 0001 0017 561f0c7b 0000000000000000 0c949fb3 03");
        udp(60213, 8000).original(&message).survives("OICQ");
        udp(60213, 8001).original(&message).is_nobodys();
        let mut damaged = message;
        damaged[3] = 9;
        udp(60213, 8000).original(damaged).is_nobodys();
    }
}
