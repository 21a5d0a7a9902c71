//! PTP (IEEE 1588) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// PTP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50234,
    name: "PTP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 319), (Transport::Udp, 320)],
};

/// Its messages.
pub static PTP: Dissector = Dissector {
    name: "ptp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::PartAt(&[319, 320], dissect),
    teach: None,
};

/// Section 13.3: version 2, a known type, the datagram's length, and the control that goes with the
/// type: 2^-4, 2^-1, 2^-16, 2^-8, on one of its two ports.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (kind, version) = (part.u8() & 0x0f, part.u8() & 0x0f);
    let length = usize::from(part.u16());
    require(version == 2 && length == part.bytes.len() && length >= 44)?;
    part.skip(28);
    let control = part.u8();
    require(matches!(
        (kind, control),
        (0, 0) | (1, 1) | (8, 2) | (9, 3) | (13, 4) | (2 | 3 | 10..=12, 5) | (0..=13, 0xff)
    ))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn lengths_and_controls_agree() {
        let sync = join(&[&hex("0002002c 0000 0200"), &[0; 22], &hex("0001 00 00"), &[0; 10]]);
        udp(319, 319).original(&sync).survives("PTP");
        udp(329, 329).original(&sync).is_nobodys();
    }
}
