//! Terraria over TCP: the request to join, which says the version.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Terraria.
pub static PROTOCOL: Protocol =
    Protocol { id: 50121, name: "Terraria", category: "games", ports: &[(Transport::Tcp, 7777)] };

/// Openings of a client.
pub static TERRARIA: Dissector = Dissector {
    name: "terraria",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A short length, message 1, a text with the game's name: 2^-88.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u16_le();
    let (message, text) = (part.u8(), part.u8());
    if message != 1 || length != u16::from(text).saturating_add(4) {
        return Err(Stop::NotMine);
    }
    part.literal(b"Terraria")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn a_request_to_join_is_terraria() {
        let request = join(&[&hex("0f00 01 0b"), b"Terraria279"]);
        tcp(40000, 7777).original(&request).survives("Terraria");
        let mut damaged = request;
        damaged[0] = 0x10;
        tcp(40000, 7777).original(damaged).is_nobodys();
    }
}
