//! Z39.50 (ISO 23950): catalogues of libraries, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Z39.50.
pub static PROTOCOL: Protocol =
    Protocol { id: 287, name: "Z39/50", category: "database", ports: &[(Transport::Tcp, 210)] };

/// Its messages.
pub static Z3950: Dissector = Dissector {
    name: "z3950",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 4.1: an initialisation (tag 20 or 21) of definite length, and in it a bit string of
/// versions (tag 3), one of options (tag 4) and a size (tag 5): 2^-7, 2^-8 each, 2^-8 for their
/// lengths.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let tag = part.u8();
    require(matches!(tag, 0xb4 | 0xb5))?;
    let length = part.u8();
    if length & 0x80 != 0 {
        require(matches!(length, 0x81 | 0x82))?;
        part.skip(usize::from(length & 0x0f));
    }
    // A reference of the client's may stand in front (tag 2).
    if part.peek() == Some(0x82) {
        part.skip(1);
        let reference = usize::from(part.u8());
        part.skip(reference);
    }
    for (tag, most) in [(0x83, 4), (0x84, 8), (0x85, 4)] {
        part.literal(&[tag])?;
        let length = part.u8();
        require((1..=most).contains(&length))?;
        part.skip(usize::from(length));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn initialisations_hold_their_fields() {
        let init = hex("b414 8302 0560 8403 00ea80 8503 010000 8603 010000");
        tcp(40000, 210).original(&init).survives("Z39/50");
        tcp(40000, 210).original(hex("b414 8302 0560 8503 00ea80 8503 010000")).is_nobodys();
    }
}
