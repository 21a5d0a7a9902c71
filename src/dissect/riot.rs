//! Riot Games' Wild Rift over UDP: the opening at its game servers.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::answered;
use crate::facts::{Facts, Protocol};
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
    dissect,
    teach: None,
};

const HELLO_BYTES: usize = 69;
const WELCOME_BYTES: usize = 359;

/// Little-endian 4 in a datagram of 69 bytes, answered by little-endian 16 in one of 359: 2^-64, and
/// the two lengths.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let hello = |bytes: &[u8]| {
        (bytes.starts_with(&[4, 0, 0, 0]) && bytes.len() == HELLO_BYTES).then_some(())
    };
    answered(prefix, hello, |(), bytes| {
        bytes.starts_with(&[16, 0, 0, 0]) && bytes.len() == WELCOME_BYTES
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, udp};

    #[test]
    fn hello_and_welcome_are_riots() {
        let hello = join(&[&[4, 0, 0, 0], &[0xa1; 65]]);
        let welcome = join(&[&[16, 0, 0, 0], &[0xd3; 355]]);
        udp(47462, 15004).original(&hello).reply(&welcome).survives("Riot/Games");
        udp(47462, 15004).original(&hello).reply(&welcome[..358]).is_nobodys();
        udp(47462, 15004).original(&hello).is_nobodys();
    }
}
