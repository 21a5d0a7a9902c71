//! The native protocol of Apache Cassandra over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{contains, each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// CQL.
pub static PROTOCOL: Protocol =
    Protocol { id: 266, name: "Cassandra", category: "database", ports: &[(Transport::Tcp, 9042)] };

/// Its messages.
pub static CASSANDRA: Dissector = Dissector {
    name: "cassandra",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// native_protocol_v4.spec section 2: a version, flags, a stream, an operation, a length. Clients
/// ask for the options with nothing more (2^-64), or start with a map that names the language's
/// version.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let (version, flags) = (reader.u8()?, reader.u8()?);
        require(matches!(version, 3..=5) && flags & 0xe0 == 0)?;
        reader.skip(2)?;
        let (operation, length) = (reader.u8()?, reader.u32()?);
        match operation {
            5 => require(length == 0 && reader.is_empty()),
            1 => {
                require((16..1024).contains(&length))?;
                let body = reader.take(usize::try_from(length).unwrap_or_default())?;
                require(contains(body, b"CQL_VERSION"))
            }
            _ => Err(Stop::NotMine),
        }
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn options_and_startup() {
        tcp(40000, 9042).original(hex("04 00 0000 05 00000000")).survives("Cassandra");
        let startup = join(&[
            &hex("04 00 0001 01 00000016 0001 000b"),
            b"CQL_VERSION",
            &hex("0005"),
            b"3.0.0",
        ]);
        tcp(40000, 9042).original(startup).survives("Cassandra");
        tcp(40000, 9042).original(hex("04 00 0000 05 00000001 00")).is_nobodys();
    }
}
