//! Diameter (RFC 6733) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Diameter.
pub static PROTOCOL: Protocol = Protocol {
    id: 237,
    name: "Diameter",
    category: "authentication",
    ports: &[(Transport::Tcp, 3868)],
};

/// Its messages.
pub static DIAMETER: Dissector = Dissector {
    name: "diameter",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 3 and 4.1: version 1, a length of whole words, reserved flags, a known range of
/// commands, and a first attribute that fits: 2^-8, 2^-10, 2^-4, 2^-8, 2^-24.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[1])?;
    let length = part.u24();
    require(length.is_multiple_of(4) && (32..0x1_0000).contains(&length))?;
    let (flags, command) = (part.u8(), part.u24());
    let known = matches!(command, 256..=330 | 8_388_600..=8_388_800);
    require(flags & 0x0f == 0 && known)?;
    part.skip(12); // application, hop by hop, end to end
    let (attribute, flags, inner) = (part.u32(), part.u8(), part.u24());
    let fits = inner >= 8 && inner.saturating_add(20) <= length;
    require(attribute < 0x1_0000 && flags & 0x1f == 0 && fits)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn attributes_fit_their_message() {
        let start = "01000034 80000101 00000000 00000001 00000001";
        let capabilities = hex(&format!("{start} 00000108 40000010 686f7374 2e6e6c00 00000128"));
        tcp(40000, 3868).original(capabilities).survives("Diameter");
        tcp(40000, 3868).original(hex(&format!("{start} 00000108 40000110"))).is_nobodys();
    }
}
