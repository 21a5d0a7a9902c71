//! DRDA (The Open Group), which DB2 and Derby speak, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// DRDA.
pub static PROTOCOL: Protocol = Protocol {
    id: 227,
    name: "DRDA",
    category: "database",
    ports: &[(Transport::Tcp, 446), (Transport::Tcp, 1527)],
};

/// Its messages.
pub static DRDA: Dissector = Dissector {
    name: "drda",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// DDM: a length, the mark, a format, a correlation, the inner length (6 less), and of the first
/// object the request or reply EXCSAT, EXCSATRD or ACCSEC: 2^-8, 2^-6, 2^-16, 2^-14.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u16();
    part.literal(&[0xd0])?;
    let (format, _correlation) = (part.u8(), part.u16());
    require(format & 0x8c == 0 && matches!(format & 0x0f, 1..=3))?;
    let (inner, code) = (part.u16(), part.u16());
    require(inner >= 4 && length == inner.saturating_add(6))?;
    require(matches!(code, 0x1041 | 0x1443 | 0x106d))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn two_lengths_agree() {
        tcp(40000, 446).original(hex("0089 d0 41 0001 0083 1041 0039115e")).survives("DRDA");
        tcp(40000, 446).original(hex("0089 d0 41 0001 0084 1041 0039115e")).is_nobodys();
    }
}
