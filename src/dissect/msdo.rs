//! Windows' Delivery Optimization over TCP: updates from other computers nearby (port 7680).
//!
//! Undocumented; the greeting as in Wireshark's packet-ms-do.c.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// A length and fourteen letters, 2^-120. The shape is BitTorrent's, the name is not.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        Reader::stream(side).literal(b"\x0eSwarm protocol").map(|()| Facts::of(&PROTOCOL))
    })
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
