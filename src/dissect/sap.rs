//! The network interface of SAP systems and their router, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, first_yes};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SAP NI.
pub static PROTOCOL: Protocol =
    Protocol { id: 151, name: "SAP", category: "infrastructure", ports: &[(Transport::Tcp, 3299)] };

/// Its messages.
pub static SAP: Dissector = Dissector {
    name: "sap",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A length and the name of a message that ends in a zero (SAP Help, "SAProuter"): 2^-64 and more.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&[0, 0])?;
        reader.skip(2)?;
        let names = [&b"NI_PING\0"[..], b"NI_PONG\0", b"NI_ROUTE\0", b"NI_RTERR\0"];
        let rest = reader.rest();
        first_yes(names.iter().map(|name| Reader::stream(rest).literal(name)))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn messages_are_named() {
        tcp(40000, 3299).original("\0\0\0\x08NI_PING\0").survives("SAP");
        tcp(40000, 3299).original("\0\0\0\x08NI_PINE\0").is_nobodys();
    }
}
