//! OpenWire, the protocol of Apache ActiveMQ, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// OpenWire.
pub static PROTOCOL: Protocol =
    Protocol { id: 50224, name: "OpenWire", category: "messaging", ports: &[] };

/// Its messages.
pub static OPENWIRE: Dissector = Dissector {
    name: "openwire",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The first command of both sides: a length, the type, the mark.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u32();
    require((14..0x1_0000).contains(&length))?;
    part.literal(b"\x01ActiveMQ\0\0\0")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn both_begin_with_the_mark() {
        let info = join(&[&hex("000000da 01"), b"ActiveMQ", &hex("0000000a 01000000")]);
        tcp(40000, 61616).original(info).survives("OpenWire");
        tcp(40000, 61616).original(hex("000000da 02 416374697665")).is_nobodys();
    }
}
