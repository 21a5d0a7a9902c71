//! Devices of Xiaomi in the LAN (miIO), over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// miIO.
pub static PROTOCOL: Protocol =
    Protocol { id: 50239, name: "Xiaomi/miIO", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MIIO: Dissector = Dissector {
    name: "miio",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// As free clients describe it: a mark, the datagram's length, an unknown word of zeros, or all
/// ones in a hello: 2^-16, 2^-16, 2^-31.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x21, 0x31])?;
    let length = usize::from(part.u16());
    let word = part.u32();
    require(length == part.bytes.len() && length >= 32 && matches!(word, 0 | u32::MAX))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn hellos_and_messages() {
        let hello = join(&[&hex("21310020"), &[0xff; 28]]);
        udp(40000, 54321).original(&hello).survives("Xiaomi/miIO");
        udp(40000, 54321).original(&hello[..31]).is_nobodys();
    }
}
