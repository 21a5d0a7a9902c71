//! Riot Games' Wild Rift over UDP: the opening at its game servers.

use crate::bytes::Stop;
use crate::dissect::sides::{answered, each};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Riot Games.
pub static PROTOCOL: Protocol =
    Protocol { id: 292, name: "Riot/Games", category: "games", ports: &[] };

/// Openings.
pub static RIOT: Dissector = Dissector {
    name: "riot",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const HELLO_BYTES: usize = 69;
const WELCOME_BYTES: usize = 359;

/// Little-endian 4 in a datagram of 69 bytes, answered by little-endian 16 in one of 359: 2^-64, and
/// the two lengths.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let hello = |bytes: &[u8]| {
        (bytes.starts_with(&[4, 0, 0, 0]) && bytes.len() == HELLO_BYTES).then_some(())
    };
    if each(prefix, |bytes| if is_probe(bytes) { Ok(()) } else { Err(Stop::NotMine) }).is_ok() {
        return Ok(());
    }
    answered(prefix, hello, |(), bytes| {
        bytes.starts_with(&[16, 0, 0, 0]) && bytes.len() == WELCOME_BYTES
    })
}

/// A measurement of the way to a server: 22 bytes, all but two of them fixed.
fn is_probe(bytes: &[u8]) -> bool {
    bytes.len() == 22
        && bytes.starts_with(&[1, 2, 0xc8, 0x41, 0, 0, 0, 1, 0, 1, 0, 0])
        && bytes.ends_with(b"\0\x04\0\x04A0B1")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn hello_and_welcome_are_riots() {
        let hello = join(&[&[4, 0, 0, 0], &[0xa1; 65]]);
        let welcome = join(&[&[16, 0, 0, 0], &[0xd3; 355]]);
        udp(47462, 15004).original(&hello).reply(&welcome).survives("Riot/Games");
        udp(47462, 15004).original(&hello).reply(&welcome[..358]).is_nobodys();
        udp(47462, 15004).original(&hello).is_nobodys();
        let probe = hex("0102c841 00000001 00010000 001e 0004 0004 41304231");
        udp(44513, 18001).original(&probe).survives("Riot/Games");
        udp(44513, 18001).original(&probe[..21]).is_nobodys();
    }
}
