//! The network interface of SAP systems and their router, over TCP.

use crate::bytes::Stop;

use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SAP NI.
pub static PROTOCOL: Protocol =
    Protocol { id: 151, name: "SAP", category: "infrastructure", ports: &[(Transport::Tcp, 3299)] };

/// Its messages.
pub static SAP: Dissector = Dissector {
    name: "sap",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A length and the name of a message that ends in a zero (SAP Help, "SAProuter"): 2^-64 and more.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 0])?;
    part.skip(2);
    let names: &[&[u8]] = &[b"NI_PING\0", b"NI_PONG\0", b"NI_ROUTE\0", b"NI_RTERR\0"];
    part.one_of(names)
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
