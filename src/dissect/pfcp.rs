//! PFCP (3GPP TS 29.244) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// PFCP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50225, name: "PFCP", category: "networking", ports: &[(Transport::Udp, 8805)] };

/// Its messages.
pub static PFCP: Dissector = Dissector {
    name: "pfcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Elements looked at.
const ELEMENTS_MAX: usize = 8;

/// Section 7.2: version 1, spare bits zero, a known type, the datagram's length, and elements that
/// stay inside it: 2^-6, 2^-3, 2^-16, and 2^-6 for each element's number.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (flags, kind, length) = (part.u8(), part.u8(), usize::from(part.u16()));
    require(flags & 0xf8 == 0x20 && length == part.len())?;
    require(matches!(kind, 1..=15 | 50..=57))?;
    part.skip(if flags & 1 == 1 { 12 } else { 4 });
    let mut elements = 0usize;
    while !part.is_empty() && elements < ELEMENTS_MAX {
        let (number, length) = (part.u16(), usize::from(part.u16()));
        require((1..=1024).contains(&number))?;
        part.skip(length);
        elements = elements.saturating_add(1);
    }
    require(elements > 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn elements_fill_the_message() {
        let heartbeat = hex("2001000c 00000100 0060 0004 e1a2b3c4");
        udp(8805, 8805).original(&heartbeat).survives("PFCP");
        udp(8805, 8805).original(hex("2001000c 00000100 0060 0005 e1a2b3c4")).is_nobodys();
    }
}
