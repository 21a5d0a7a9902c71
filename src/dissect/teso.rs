//! The Elder Scrolls Online over TCP: its client's first message.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// The Elder Scrolls Online.
pub static PROTOCOL: Protocol =
    Protocol { id: 50114, name: "TESOnline", category: "games", ports: &[] };

/// Openings of a client.
pub static TESO: Dissector = Dissector {
    name: "teso",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A length below 4,096 (2^-20), `0001 0001` (2^-32), the same length without those eight (2^-32).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u32();
    if !(64..4096).contains(&length) {
        return Err(Stop::NotMine);
    }
    part.literal(&[0, 1, 0, 1])?;
    require(part.u32().saturating_add(8) == length)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn the_first_message_knows_its_length_twice() {
        let hello = hex("0000033f 00010001 00000337 2bf0 0002 4378");
        tcp(47860, 24504).original(&hello).survives("TESOnline");
        let mut damaged = hello;
        damaged[11] = 0x38;
        tcp(47860, 24504).original(damaged).is_nobodys();
    }
}
