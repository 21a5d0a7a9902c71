//! ANSI C12.22 (RFC 6142): meters over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// ANSI C12.22.
pub static PROTOCOL: Protocol = Protocol {
    id: 50206,
    name: "ANSI-C1222",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 1153), (Transport::Udp, 1153)],
};

/// Its messages.
pub static C1222: Dissector = Dissector {
    name: "c1222",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The root of its application titles, 2.16.124.113620.1.22, and the other that meters use,
/// 1.3.6.1.4.1.33507.1919.
const ROOTS: &[&[u8]] = &[
    &[0x60, 0x7c, 0x86, 0xf7, 0x54, 0x01, 0x16],
    &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x85, 0x63, 0x8e, 0x7f],
];

/// An association control message (tag 0x60) whose first or second field is a title below one of
/// the roots: 2^-64 and more.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x60])?;
    let length = part.u8();
    if length & 0x80 != 0 {
        require(matches!(length, 0x81 | 0x82))?;
        part.skip(usize::from(length & 0x0f));
    }
    let tag = part.u8();
    require(matches!(tag, 0xa1 | 0xa2 | 0xa6))?;
    let head = part.take(32);
    require(contains_any(head, ROOTS))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn titles_stand_below_its_roots() {
        let start = "6030a20f060d607c86f754011600010140ce11a60e060c607c86f75401160001014021a804";
        let message = hex(&format!("{start}0202020f89be0728058103800120"));
        udp(40000, 1153).original(&message).survives("ANSI-C1222");
        tcp(40000, 1153).original(&message).survives("ANSI-C1222");
        udp(40000, 1153).original(hex(&start.replace("607c86", "607c87"))).is_nobodys();
    }
}
