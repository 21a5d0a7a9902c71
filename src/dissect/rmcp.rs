//! RMCP: the management controllers of servers (IPMI, ASF 2.0), over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// RMCP.
pub static PROTOCOL: Protocol = Protocol {
    id: 329,
    name: "RMCP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 623), (Transport::Udp, 664)],
};

/// Its messages.
pub static RMCP: Dissector = Dissector {
    name: "rmcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// ASF section 3.2.2: version 6, reserved zero, a sequence, a class. Then the enterprise of ASF
/// (2^-32 more) or a session of IPMI whose kind is known and whose length is the datagram's (2^-24,
/// 2^-5, 2^-8).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[6, 0])?;
    let (sequence, class) = (part.u8(), part.u8());
    match class & 0x7f {
        6 if part.bytes.len() == 4 => require(class & 0x80 != 0 && sequence != 0xff),
        6 => part.literal(&[0, 0, 0x11, 0xbe]),
        7 if sequence == 0xff => {
            let kind = part.u8();
            require(matches!(kind, 0..=2 | 4..=6))?;
            if kind == 6 {
                let payload = part.u8();
                require(matches!(payload & 0x3f, 0..=2 | 0x10..=0x15))?;
                part.skip(8);
                let length = usize::from(part.u16_le());
                return require(length <= part.len());
            }
            part.skip(if kind == 0 { 8 } else { 24 });
            let length = usize::from(part.u8());
            require(length == part.len() && length >= 7)
        }
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn both_classes() {
        udp(40000, 623).original(hex("0600ff06 000011be 80 00 00 00")).survives("RMCP");
        let auth = hex("0600ff07 00 00000000 00000000 09 20 18 c8 81 00 38 8e 04 b5");
        udp(40000, 623).original(auth).survives("RMCP");
        udp(40000, 623)
            .original(hex("0600ff07 00 00000000 00000000 08 20 18 c8 81 00 38 8e 04 b5"))
            .is_nobodys();
    }
}
