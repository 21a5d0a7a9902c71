//! FINS (Omron W342) over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// FINS.
pub static PROTOCOL: Protocol =
    Protocol { id: 50215, name: "OMRON-FINS", category: "infrastructure", ports: &[] };

/// Its messages.
pub static FINS: Dissector = Dissector {
    name: "fins",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Omron's own choice; not registered.
const PORT: u16 = 9600;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.prefix.transport {
        Transport::Tcp => connected(part),
        _ if part.prefix.has_port(PORT) => datagram(part.bytes),
        _ => Err(Stop::NotMine),
    }
}

/// Section 7-4: `FINS`, a length, a command below 7: 2^-32, 2^-20, 2^-29.
fn connected(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"FINS")?;
    let (length, command) = (part.u32(), part.u32());
    require((8..=4096).contains(&length) && command < 7)
}

/// Section 5-1: a command or response, reserved zero, at most 2 or 7 gateways, and a known command
/// on Omron's port: 2^-6, 2^-8, 2^-7, 2^-10 and three unit fields of which two are zero: 2^-16.
fn datagram(bytes: &[u8]) -> Result<(), Stop> {
    let [0x80 | 0x81 | 0xc0 | 0xc1, 0, 2 | 7, 0, _, 0, 0, _, _, _, main, sub, ..] = bytes else {
        return Err(Stop::NotMine);
    };
    require(matches!((main, sub), (1..=6, 1..=8) | (0x07, 1 | 2) | (0x20..=0x23, 1..=0x15)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn commands_name_units() {
        let open = hex("46494e53 0000000c 00000000 00000000 00000000");
        tcp(40000, 9600).original(open).survives("OMRON-FINS");
        let read = hex("800002 000a00 000b00 01 0101 82006400000a");
        udp(40000, 9600).original(&read).survives("OMRON-FINS");
        udp(40000, 9601).original(read).is_nobodys();
    }
}
