//! The native protocol of Apache Cassandra over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// CQL.
pub static PROTOCOL: Protocol =
    Protocol { id: 266, name: "Cassandra", category: "database", ports: &[(Transport::Tcp, 9042)] };

/// Its messages.
pub static CASSANDRA: Dissector = Dissector {
    name: "cassandra",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// native_protocol_v4.spec section 2: a version, flags, a stream, an operation, a length. Clients
/// ask for the options with nothing more (2^-64), or start with a map that names the language's
/// version.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (version, flags) = (part.u8(), part.u8());
    require(matches!(version, 3..=5) && flags & 0xe0 == 0)?;
    part.skip(2);
    let (operation, length) = (part.u8(), part.u32());
    match operation {
        5 => require(length == 0 && part.is_empty()),
        1 => {
            require((16..1024).contains(&length))?;
            let body = part.take(usize::try_from(length).unwrap_or_default());
            require(contains(body, b"CQL_VERSION"))
        }
        _ => Err(Stop::NotMine),
    }
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
