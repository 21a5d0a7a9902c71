//! The consensus messages of Casper (Zug) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Zug.
pub static PROTOCOL: Protocol =
    Protocol { id: 50217, name: "ZUG", category: "infrastructure", ports: &[] };

/// Its messages.
pub static ZUG: Dissector = Dissector {
    name: "zug",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A zero, `zUG` and the type 16: 2^-40. Seen in captures; nothing public describes it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(b"\0zUG\x10")
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn messages_begin_with_their_mark() {
        udp(40000, 19000).original(hex("007a554710 aea041006ebc2a68")).survives("ZUG");
        udp(40000, 19000).original(hex("007a554711 aea041006ebc2a68")).is_nobodys();
    }
}
