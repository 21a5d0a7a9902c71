//! The tunnel of Meraki devices to their cloud, over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Meraki.
pub static PROTOCOL: Protocol =
    Protocol { id: 316, name: "Meraki/Cloud", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MERAKI: Dissector = Dissector {
    name: "meraki",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A mark of four bytes and the first of a version: 2^-40. Seen in captures; nothing public
/// describes it.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xfe, 0xf7, 0x28])?;
    let kind = part.u16();
    require(matches!(kind, 0x900d | 0x910d) && part.len() >= 16)
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
