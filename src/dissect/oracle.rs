//! The listener protocol of Oracle databases (TNS) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{contains, each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// TNS.
pub static PROTOCOL: Protocol =
    Protocol { id: 167, name: "Oracle", category: "database", ports: &[(Transport::Tcp, 2483)] };

/// Its messages.
pub static ORACLE: Dissector = Dissector {
    name: "oracle",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A connect packet: a length, no checksum, type 1, and in its data the description in brackets:
/// 2^-40 and 2^-64 for the words.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let length = usize::from(reader.u16()?);
        reader.literal(&[0, 0, 1])?;
        require((34..=4096).contains(&length))?;
        reader.skip(1)?;
        reader.literal(&[0, 0])?;
        let packet = reader.take(length.saturating_sub(8))?;
        require(contains(packet, b"(DESCRIPTION=") || contains(packet, b"(CONNECT_DATA="))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn connections_are_described() {
        let text = b"(DESCRIPTION=(CONNECT_DATA=(SID=x)))";
        let connect = join(&[&hex("0046 0000 01 00 0000"), &[1; 26], text]);
        tcp(40000, 1521).original(&connect).survives("Oracle");
        tcp(40000, 1521).original(&connect[..34]).is_nobodys();
    }
}
