//! DRDA (The Open Group), which DB2 and Derby speak, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// DDM: a length, the mark, a format, a correlation, the inner length (6 less), and of the first
/// object the request or reply EXCSAT, EXCSATRD or ACCSEC: 2^-8, 2^-6, 2^-16, 2^-14.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let length = reader.u16()?;
        reader.literal(&[0xd0])?;
        let (format, _correlation) = (reader.u8()?, reader.u16()?);
        require(format & 0x8c == 0 && matches!(format & 0x0f, 1..=3))?;
        let (inner, code) = (reader.u16()?, reader.u16()?);
        require(inner >= 4 && length == inner.saturating_add(6))?;
        require(matches!(code, 0x1041 | 0x1443 | 0x106d))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
