//! Cisco SCCP, called Skinny: telephones and their server, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Skinny.
pub static PROTOCOL: Protocol =
    Protocol { id: 164, name: "Cisco/Skinny", category: "voip", ports: &[(Transport::Tcp, 2000)] };

/// Its messages.
pub static SKINNY: Dissector = Dissector {
    name: "skinny",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::PartAt(&[PORT], dissect),
    teach: None,
};

const PORT: u16 = 2000;

/// A length, a version of a few, a message number, little-endian, on the registered port: 2^-20,
/// 2^-28, 2^-21.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u32_le();
    require((4..4096).contains(&length))?;
    let (version, message) = (part.u32_le(), part.u32_le());
    require(matches!(version, 0 | 10..=25) && (1..0x0400).contains(&message))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn headers_are_small_numbers() {
        let key = hex("10000000 14000000 26000000 01000000 00000000 00000000");
        tcp(40000, 2000).original(&key).survives("Cisco/Skinny");
        tcp(40000, 2001).original(&key).is_nobodys();
        tcp(40000, 2000).original(hex("10000000 14000001 26000000")).is_nobodys();
    }
}
