//! IEC 60870-5-104: telecontrol over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// IEC 60870-5-104.
pub static PROTOCOL: Protocol = Protocol {
    id: 277,
    name: "IEC60870/5/104",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 2404)],
};

/// Its messages.
pub static IEC104: Dissector = Dissector {
    name: "iec104",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Frames looked at on each side.
const FRAMES_MAX: usize = 4;

/// Section 5: a start byte, a length, four control bytes. A frame without data is exact: one of six
/// commands (2^-45), or an acknowledgement of an even number (2^-33). Frames with data must lead
/// to one.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    for _ in 0..FRAMES_MAX {
        part.literal(&[0x68])?;
        let length = part.u8();
        match (part.array::<4>(), length) {
            ([0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83, 0, 0, 0], 4) => return Ok(()),
            ([1, 0, low, _], 4) if low & 1 == 0 => return Ok(()),
            ([sent, _, received, _], 10..=253) if (sent | received) & 1 == 0 => {}
            _ => return Err(Stop::NotMine),
        }
        part.skip(usize::from(length).saturating_sub(4));
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn frames_without_data_are_exact() {
        tcp(40000, 2404).original(hex("680407000000")).survives("IEC60870/5/104");
        let data = hex("680e 00000200 64010600010000000014 680401000200");
        tcp(40000, 2404).original(data).survives("IEC60870/5/104");
        tcp(40000, 2404).original(hex("680407000001")).is_nobodys();
        tcp(40000, 2404).original(hex("680401000300")).is_nobodys();
    }
}
