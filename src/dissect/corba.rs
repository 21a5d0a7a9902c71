//! CORBA (OMG GIOP and IIOP) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Section 15.4.1: `GIOP`, version 1.0 to 1.3, flags below 4, a type: 2^-32, 2^-14, 2^-6, 2^-5.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"GIOP\x01")?;
        let (minor, flags, kind) = (reader.u8()?, reader.u8()?, reader.u8()?);
        require(minor <= 3 && flags <= 7 && kind <= 7)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
