//! DLMS/COSEM (IEC 62056): meters over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::crc::crc16_reversed;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// DLMS/COSEM.
pub static PROTOCOL: Protocol = Protocol {
    id: 50205,
    name: "IEC62056",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4059), (Transport::Udp, 4059)],
};

/// Its messages.
pub static DLMS: Dissector = Dissector {
    name: "dlms",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Reversed polynomial of HDLC's check sequences.
const POLYNOMIAL: u16 = 0x8408;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes.first() {
        Some(0x7e) => frame(part, part.bytes),
        Some(0x00) => wrapped(part),
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    }
}

/// IEC 62056-46: a flag, frame format 3 and length, the check sequence of the frame, a flag:
/// 2^-8, 2^-4, 2^-16, 2^-8; addresses end in set bits: 2^-2.
fn frame(part: &mut Part<'_>, bytes: &[u8]) -> Result<(), Stop> {
    part.skip(1);
    let format = part.u16();
    let length = usize::from(format & 0x07ff);
    require(format >> 12 == 0x0a && (7..=2030).contains(&length))?;
    part.skip(length.saturating_sub(4));
    let sum = part.u16_le();
    part.literal(&[0x7e])?;
    let checked = bytes.get(1..length.saturating_sub(1)).unwrap_or_default();
    require(sum == !crc16_reversed(checked, POLYNOMIAL, 0xffff))
}

/// IEC 62056-47: version 1, two ports of which one is a management device or client below 256, a
/// length, and an association request or answer: 2^-16, 2^-16, 2^-8, 2^-7 and more in its first
/// field.
fn wrapped(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 1, 0])?;
    part.skip(1);
    part.literal(&[0])?;
    part.skip(1);
    let length = usize::from(part.u16());
    let (tag, inner) = (part.u8(), usize::from(part.u8()));
    require(matches!(tag, 0x60 | 0x61) && length == inner.saturating_add(2))?;
    let field = part.u8();
    require(matches!(field, 0x80 | 0xa1))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn frames_and_wrappers() {
        let normal = hex("7ea0070321930f017e");
        tcp(40000, 4059).original(&normal).survives("IEC62056");
        udp(40000, 4059).original(&normal).survives("IEC62056");
        tcp(40000, 4059).original(hex("7ea0070321930f027e")).is_nobodys();
        let open = hex("0001 0010 0001 000d 600b a109060760857405080101");
        tcp(40000, 4059).original(open).survives("IEC62056");
    }
}
