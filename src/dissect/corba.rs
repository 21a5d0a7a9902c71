//! CORBA (OMG GIOP and IIOP) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// GIOP.
pub static PROTOCOL: Protocol = Protocol {
    id: 168,
    name: "Corba",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 683)],
};

/// Its messages.
pub static CORBA: Dissector = Dissector {
    name: "corba",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 15.4.1: `GIOP`, version 1.0 to 1.3, flags below 4, a type: 2^-32, 2^-14, 2^-6, 2^-5.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"GIOP\x01")?;
    let (minor, flags, kind) = (part.u8(), part.u8(), part.u8());
    require(minor <= 3 && flags <= 7 && kind <= 7)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_begin_with_the_name() {
        tcp(40000, 683).original(hex("47494f50 0100 01 00 00000064")).survives("Corba");
        tcp(40000, 683).original(hex("47494f50 0200 01 00")).is_nobodys();
    }
}
