//! The tunnel of Meraki devices to their cloud, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Meraki.
pub static PROTOCOL: Protocol =
    Protocol { id: 316, name: "Meraki/Cloud", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MERAKI: Dissector = Dissector {
    name: "meraki",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A mark of four bytes and the first of a version: 2^-40. Seen in captures; nothing public
/// describes it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(&[0xfe, 0xf7, 0x28])?;
        let kind = reader.u16()?;
        require(matches!(kind, 0x900d | 0x910d) && reader.len() >= 16)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn messages_begin_with_the_mark() {
        let message = hex("fef728910d 01002e06 00000200 00000000 00000000 00010010 01402086");
        udp(40000, 7351).original(message).survives("Meraki/Cloud");
        udp(40000, 7351)
            .original(hex("fef728910e 01002e06 00000200 00000000 00000000"))
            .is_nobodys();
    }
}
