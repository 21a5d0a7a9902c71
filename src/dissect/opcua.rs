//! OPC UA (IEC 62541-6) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// OPC UA.
pub static PROTOCOL: Protocol = Protocol {
    id: 50214,
    name: "OPC-UA",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4840)],
};

/// Its messages.
pub static OPCUA: Dissector = Dissector {
    name: "opcua",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 7.1.2: a type of three letters, `F`, a length below 64 KiB: 2^-32, 2^-16. Versions and
/// buffers of 8 KiB and more follow.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let kind = part.array::<4>();
    require([b"HELF", b"ACKF", b"RHEF", b"OPNF"].contains(&&kind))?;
    let length = part.u32_le();
    require((28..=0xffff).contains(&length))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn hellos_have_a_length() {
        let hello = hex("48454c46 20000000 00000000 00000100 00000100 00000000 00000000 00000000");
        tcp(40000, 4840).original(&hello).survives("OPC-UA");
        tcp(40000, 4840).original("HELFEN macht Freude").is_nobodys();
    }
}
