//! Windows' Delivery Optimization over TCP: updates from other computers nearby (port 7680).
//!
//! Undocumented; the greeting as in Wireshark's packet-ms-do.c.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Delivery Optimization (IANA: ms-do).
pub static PROTOCOL: Protocol = Protocol {
    id: 50125,
    name: "MS-DO",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 7680)],
};

/// Greetings.
pub static MSDO: Dissector = Dissector {
    name: "msdo",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A length and fourteen letters, 2^-120. The shape is BitTorrent's, the name is not.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"\x0eSwarm protocol")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, tcp};

    #[test]
    fn the_greeting_is_delivery_optimization() {
        let greeting = join(&[b"\x0eSwarm protocol", &[0; 8], &[0x5a; 36]]);
        tcp(40000, 7680).original(&greeting).survives("MS-DO");
        tcp(40000, 7680).original("\x0eSwarm protocox").is_nobodys();
    }
}
