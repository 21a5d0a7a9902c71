//! EAQ, the measurements of broadband that Brazil makes, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::require;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// EAQ.
pub static PROTOCOL: Protocol =
    Protocol { id: 190, name: "EAQ", category: "infrastructure", ports: &[] };

/// Its messages.
pub static EAQ: Dissector = Dissector {
    name: "eaq",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// What ends a question and its answer.
const ASKED: u32 = 0x9000;
const ANSWERED: u32 = 0x6000;

/// Datagrams of four words: a number from zero, two of the sender, a mark. A question is told by its
/// answer, which repeats three words (2^-96), or by the next question (2^-60).
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut before = None;
    for datagram in prefix.datagrams() {
        let mut reader = Reader::datagram(datagram.bytes);
        let (number, first, second, mark) =
            (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
        require(reader.is_empty() && matches!(mark, ASKED | ANSWERED))?;
        let seen = (number, first, second, mark);
        if let Some((asked, one, two, ASKED)) = before {
            let answers = seen == (asked, one, two, ANSWERED);
            let next =
                mark == ASKED && number == u32::saturating_add(asked, 1) && number < 0x1_0000;
            require(answers || next)?;
            return Ok(Facts::of(&PROTOCOL));
        }
        before = Some(seen);
    }
    Err(Stop::NeedMore)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn questions_are_numbered_and_answered() {
        let first = hex("00000000 00000dda 00014b07 00009000");
        let answer = hex("00000000 00000dda 00014b07 00006000");
        let second = hex("00000001 00000ddc 00014c94 00009000");
        udp(40000, 6000).original(&first).reply(&answer).survives("EAQ");
        udp(40000, 6000).original(&first).original(&second).survives("EAQ");
        udp(40000, 6000).original(&second).reply(&answer).is_nobodys();
    }
}
