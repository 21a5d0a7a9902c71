//! OpenWire, the protocol of Apache ActiveMQ, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// OpenWire.
pub static PROTOCOL: Protocol =
    Protocol { id: 50224, name: "OpenWire", category: "messaging", ports: &[] };

/// Its messages.
pub static OPENWIRE: Dissector = Dissector {
    name: "openwire",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The first command of both sides: a length, the type, the mark.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let length = reader.u32()?;
        require((14..0x1_0000).contains(&length))?;
        reader.literal(b"\x01ActiveMQ\0\0\0")
    })
    .map(|()| Facts::of(&PROTOCOL))
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
