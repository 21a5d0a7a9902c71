//! TACACS+ (RFC 8907) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{either_way, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// TACACS+.
pub static PROTOCOL: Protocol = Protocol {
    id: 50235,
    name: "TACACS+",
    category: "authentication",
    ports: &[(Transport::Tcp, 49)],
};

/// Its messages.
pub static TACACS: Dissector = Dissector {
    name: "tacacs",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Section 4.1: version 12.0 or 12.1, a type of three, an odd sequence from clients, known flags
/// and the length of the body: 2^-7, 2^-6, 2^-7, 2^-6, 2^-18. The answer is of the same session
/// (2^-32).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    either_way(prefix, |client, server| {
        let (asked, session) = header(client)?;
        let (answered, other) = header(server)?;
        require(asked == 1 && answered == 2 && session == other)
    })
}

fn header(side: &[u8]) -> Result<(u8, u32), Stop> {
    let mut reader = Reader::stream(side);
    let (version, kind) = (reader.u8()?, reader.u8()?);
    require(matches!(version, 0xc0 | 0xc1) && matches!(kind, 1..=3))?;
    let (sequence, flags) = (reader.u8()?, reader.u8()?);
    require(matches!(sequence, 1 | 2) && flags & 0xfa == 0)?;
    let (session, length) = (reader.u32()?, reader.u32()?);
    require((5..0x4000).contains(&length))?;
    Ok((sequence, session))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn answers_are_of_the_same_session() {
        let start = hex("c0010100 01020304 00000010");
        let answer = hex("c0010200 01020304 00000006");
        tcp(40000, 49).original(&start).reply(&answer).survives("TACACS+");
        tcp(40000, 49).original(&start).reply(hex("c0010200 01020305 00000006")).is_nobodys();
    }
}
