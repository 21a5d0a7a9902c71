//! World of Warcraft over TCP: the greeting of its world servers and of its clients.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// World of Warcraft.
pub static PROTOCOL: Protocol =
    Protocol { id: 76, name: "WoW", category: "games", ports: &[(Transport::Tcp, 3724)] };

/// Greetings.
pub static WOW: Dissector = Dissector {
    name: "wow",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A length and thirty bytes of text: 2^-240.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if !matches!(part.u16_le(), 0x2f..=0x31 | 0x2f00 | 0x3000 | 0x3100) {
        return Err(Stop::NotMine);
    }
    part.literal(b"WORLD OF WARCRAFT CONNECTION - ")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn the_greeting_is_wow() {
        let greeting = "0\0WORLD OF WARCRAFT CONNECTION - SERVER TO CLIENT\0";
        tcp(39329, 3724).reply(greeting).survives("WoW");
        tcp(39329, 3724).reply(greeting.replace('-', "+")).is_nobodys();
    }
}
