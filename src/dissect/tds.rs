//! TDS (MS-TDS): SQL Server and Sybase, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// TDS.
pub static PROTOCOL: Protocol =
    Protocol { id: 114, name: "MSSQL/TDS", category: "database", ports: &[(Transport::Tcp, 1433)] };

/// Its messages.
pub static TDS: Dissector = Dissector {
    name: "tds",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 2.2.6.5: a pre-login packet that ends a message, channel zero, and options of 5 bytes
/// whose first is the version at the place where they end: 2^-16, 2^-9, 2^-24, 2^-20.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let kind = part.u8();
    require(matches!(kind, 0x12 | 0x04))?;
    part.literal(&[1])?;
    let length = part.u16();
    require((20..512).contains(&length))?;
    part.skip(3); // channel, number
    part.literal(&[0, 0])?;
    let (place, size) = (part.u16(), part.u16());
    require((6..=64).contains(&place) && place % 5 == 1 && size == 6)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn options_begin_with_the_version() {
        let prelogin = hex(
            "1201002f 00000100 00 001a 0006 01 0020 0001 02 0021 0001 03 0022 0004 04 0026 0001 ff 09000000 0000 00 00 00000000 00",
        );
        tcp(40000, 1433).original(&prelogin).survives("MSSQL/TDS");
        tcp(40000, 1433).original(hex("1201002f 00000100 00 001b 0006 01")).is_nobodys();
    }
}
