//! Terraria over TCP: the request to join, which says the version.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Terraria.
pub static PROTOCOL: Protocol =
    Protocol { id: 50121, name: "Terraria", category: "games", ports: &[(Transport::Tcp, 7777)] };

/// Openings of a client.
pub static TERRARIA: Dissector = Dissector {
    name: "terraria",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A short length, message 1, a text with the game's name: 2^-88.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let length = reader.u16_le()?;
        let (message, text) = (reader.u8()?, reader.u8()?);
        if message != 1 || length != u16::from(text).saturating_add(4) {
            return Err(Stop::NotMine);
        }
        reader.literal(b"Terraria").map(|()| Facts::of(&PROTOCOL))
    })
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
