//! Monero's peer-to-peer protocol (Levin) over TCP.
//!
//! monero-project/monero, docs/LEVIN_PROTOCOL.md: a signature of eight bytes, a little-endian
//! length of eight, a flag, a command, a return code, flags, a version.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// 2^-64.
const SIGNATURE: [u8; 8] = [1, 0x21, 1, 1, 1, 1, 1, 1];

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&SIGNATURE)?;
        reader.skip(4)?;
        // 100 MB is the most a message may have.
        reader.literal(&[0; 4]).map(|()| Facts::of(&PROTOCOL))
    })
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
