//! Devices of Tuya in the LAN, over UDP and TCP.

use crate::bytes::{Stop, be_u32_at};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Tuya.
pub static PROTOCOL: Protocol =
    Protocol { id: 304, name: "Tuya/LP", category: "infrastructure", ports: &[] };

/// Its messages.
pub static TUYA: Dissector = Dissector {
    name: "tuya",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// As the free clients (tinytuya) describe it: a mark, a number, a command, the length up to the
/// end, and a mark there: 2^-32, 2^-26, 2^-20, and 2^-32 in a datagram. Version 3.5 has marks of
/// its own.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let mark = part.u32();
    let (skipped, end) = match mark {
        0x0000_55aa => (4, 0x0000_aa55),
        0x0000_6699 => (6, 0x0000_9966),
        _ => return Err(Stop::NotMine),
    };
    part.skip(skipped); // sequence; version 3.5 has two bytes more
    let (command, length) = (part.u32(), part.u32());
    require(command <= 64 && (8..4096).contains(&length))?;
    let last = part.bytes.last_chunk::<4>().is_some_and(|last| be_u32_at(last, 0) == end);
    require(last || part.is_stream())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn messages_stand_between_marks() {
        let status = hex("000055aa 00000000 00000013 0000000c 01020304 0badcafe 0000aa55");
        udp(40000, 6667).original(&status).survives("Tuya/LP");
        tcp(40000, 6668).original(&status).survives("Tuya/LP");
        udp(40000, 6667).original(&status[..27]).is_nobodys();
        let newer = hex("00006699 0000 00000001 00000013 00000008 01020304 00009966");
        udp(40000, 7000).original(newer).survives("Tuya/LP");
    }
}
