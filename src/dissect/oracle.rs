//! The listener protocol of Oracle databases (TNS) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// TNS.
pub static PROTOCOL: Protocol =
    Protocol { id: 167, name: "Oracle", category: "database", ports: &[(Transport::Tcp, 2483)] };

/// Its messages.
pub static ORACLE: Dissector = Dissector {
    name: "oracle",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A connect packet: a length, no checksum, type 1, and in its data the description in brackets:
/// 2^-40 and 2^-64 for the words.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = usize::from(part.u16());
    part.literal(&[0, 0, 1])?;
    require((34..=4096).contains(&length))?;
    part.skip(1);
    part.literal(&[0, 0])?;
    let packet = part.take(length.saturating_sub(8));
    require(contains(packet, b"(DESCRIPTION=") || contains(packet, b"(CONNECT_DATA="))
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
