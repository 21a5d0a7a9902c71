//! BFCP, which gives the floor in conferences (RFC 8855), over UDP and TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::answered;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// BFCP.
pub static PROTOCOL: Protocol = Protocol { id: 50118, name: "BFCP", category: "voip", ports: &[] };

/// A request and its answer.
pub static BFCP: Dissector = Dissector {
    name: "bfcp",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Conference, transaction, user (RFC 8855 section 5.1).
type Numbers<'a> = (u8, &'a [u8]);

/// Version 1 or 2, a known primitive, a length that fits (2^-24 each way), a primitive that answers
/// (2^-5), and eight bytes of numbers that return (2^-64).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    answered(prefix, message, |(asked, numbers), bytes| {
        message(bytes).is_some_and(|(given, same)| same == *numbers && is_answer(*asked, given))
    })
}

fn message(bytes: &[u8]) -> Option<Numbers<'_>> {
    let mut reader = Reader::datagram(bytes);
    let (first, primitive) = (reader.u8().ok()?, reader.u8().ok()?);
    let words = usize::from(reader.u16().ok()?);
    let numbers = reader.take(8).ok()?;
    let fits = reader.len() == words.saturating_mul(4);
    let known = matches!(first & 0xe7, 0x20 | 0x40) && (1..=17).contains(&primitive);
    (fits && known && numbers.iter().any(|&byte| byte != 0)).then_some((primitive, numbers))
}

/// RFC 8855 section 5.1, table 1.
fn is_answer(asked: u8, given: u8) -> bool {
    matches!(
        (asked, given),
        (1..=3, 4) | (5, 6) | (7, 8) | (9, 10) | (11, 12) | (4, 14) | (8, 15) | (16, 17) | (_, 13)
    )
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn a_request_and_its_answer_are_bfcp() {
        let ask = hex("20 03 0001 00000001 0002 0005 04040001");
        let answer = hex("20 04 0000 00000001 0002 0005");
        udp(47706, 5070).original(&ask).reply(&answer).survives("BFCP");
        tcp(47706, 5070).original(&ask).reply(&answer).survives("BFCP");
        udp(47706, 5070).original(&ask).reply(&ask).is_nobodys();
        udp(47706, 5070).original(&ask).is_nobodys();
    }
}
