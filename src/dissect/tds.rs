//! TDS (MS-TDS): SQL Server and Sybase, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// TDS.
pub static PROTOCOL: Protocol =
    Protocol { id: 114, name: "MSSQL/TDS", category: "database", ports: &[(Transport::Tcp, 1433)] };

/// Its messages.
pub static TDS: Dissector = Dissector {
    name: "tds",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 2.2.6.5: a pre-login packet that ends a message, channel zero, and options of 5 bytes
/// whose first is the version at the place where they end: 2^-16, 2^-9, 2^-24, 2^-20.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let kind = reader.u8()?;
        require(matches!(kind, 0x12 | 0x04))?;
        reader.literal(&[1])?;
        let length = reader.u16()?;
        require((20..512).contains(&length))?;
        reader.skip(3)?; // channel, number
        reader.literal(&[0, 0])?;
        let (place, size) = (reader.u16()?, reader.u16()?);
        require((6..=64).contains(&place) && place % 5 == 1 && size == 6)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
