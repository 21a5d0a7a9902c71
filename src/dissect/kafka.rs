//! Apache Kafka over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{either_way, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Kafka.
pub static PROTOCOL: Protocol =
    Protocol { id: 50242, name: "Kafka", category: "messaging", ports: &[(Transport::Tcp, 9092)] };

/// Its messages.
pub static KAFKA: Dissector = Dissector {
    name: "kafka",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// kafka.apache.org/protocol: a request that asks for versions or metadata first: length, key,
/// version, a number, and the client's name, whose length fits: 2^-18, 2^-15, 2^-12, 2^-10. Its
/// answer returns the number (2^-32).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    either_way(prefix, |client, server| {
        let mut reader = Reader::stream(client);
        let (length, key) = (reader.u32()?, reader.u16()?);
        let (version, number) = (reader.u16()?, reader.u32()?);
        require((10..0x4000).contains(&length) && matches!(key, 3 | 18) && version <= 15)?;
        let name = reader.u16()?;
        require(name == u16::MAX || u32::from(name).saturating_add(10) <= length)?;
        let mut answer = Reader::stream(server);
        let (length, other) = (answer.u32()?, answer.u32()?);
        require((6..0x100_0000).contains(&length) && number == other)
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn answers_return_the_number() {
        let ask = hex("0000000e 0012 0003 00000007 0004 74657374");
        let answer = hex("0000000a 00000007 0000 00000000");
        tcp(40000, 9092).original(&ask).reply(&answer).survives("Kafka");
        tcp(40000, 9092).original(&ask).reply(hex("0000000a 00000008 0000 00000000")).is_nobodys();
    }
}
