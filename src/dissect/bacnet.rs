//! BACnet/IP (ASHRAE 135, annex J): building automation over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// BACnet.
pub static PROTOCOL: Protocol = Protocol {
    id: 318,
    name: "BACnet",
    category: "infrastructure",
    ports: &[(Transport::Udp, 47808)],
};

/// Its messages.
pub static BACNET: Dissector = Dissector {
    name: "bacnet",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

const PORT: u16 = 47808;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    message(part, part.prefix.has_port(PORT))
}

/// J.2: the link's type, a function and the datagram's length (2^-28). Those that carry a network
/// message show its version and reserved bits (2^-10 more); the others have no more to tell and
/// count on the registered port alone.
fn message(part: &mut Part<'_>, home: bool) -> Result<(), Stop> {
    part.literal(&[0x81])?;
    let (function, length) = (part.u8(), usize::from(part.u16()));
    require(function <= 0x0b && length == part.bytes.len())?;
    match function {
        0x04 => part.skip(6), // whose broadcast is forwarded
        0x09..=0x0b => {}
        _ => return require(home),
    }
    // 6.2.2: version 1, reserved bits 6 and 4 of the control byte.
    let (version, control) = (part.u8(), part.u8());
    require(version == 1 && control & 0x50 == 0 && !part.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn lengths_and_network_versions_count() {
        let who_is = hex("810b000c 0120ffff00ff 1008");
        udp(47808, 47808).original(&who_is).survives("BACnet");
        udp(40000, 40001).original(who_is).survives("BACnet");
        let register = hex("81050006 003c");
        udp(47808, 47808).original(&register).survives("BACnet");
        udp(40000, 40001).original(register).is_nobodys();
        udp(40000, 47808).original(hex("810b000c 0220ffff00ff 1008")).is_nobodys();
    }
}
