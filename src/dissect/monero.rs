//! Monero's peer-to-peer protocol (Levin) over TCP.
//!
//! monero-project/monero, docs/LEVIN_PROTOCOL.md: a signature of eight bytes, a little-endian
//! length of eight, a flag, a command, a return code, flags, a version.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Monero.
pub static PROTOCOL: Protocol = Protocol {
    id: 50102,
    name: "Monero",
    category: "networking",
    ports: &[(Transport::Tcp, 18080)],
};

/// Messages of either side.
pub static MONERO: Dissector = Dissector {
    name: "monero",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// 2^-64.
const SIGNATURE: [u8; 8] = [1, 0x21, 1, 1, 1, 1, 1, 1];

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&SIGNATURE)?;
    part.skip(4);
    // 100 MB is the most a message may have.
    part.literal(&[0; 4])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn the_signature_is_monero() {
        let hello = hex("0121010101010101 0601000000000000 01 e9030000 00000000 01000000 01000000");
        tcp(48882, 18080).original(&hello).survives("Monero");
        let mut damaged = hello;
        damaged[15] = 1;
        tcp(48882, 18080).original(damaged).is_nobodys();
    }
}
