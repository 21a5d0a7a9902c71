//! AMQP 0-9-1 and 1.0 over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// AMQP.
pub static PROTOCOL: Protocol =
    Protocol { id: 192, name: "AMQP", category: "messaging", ports: &[(Transport::Tcp, 5672)] };

/// Its messages.
pub static AMQP: Dissector = Dissector {
    name: "amqp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The header with which a client opens: the name, what is inside, and a known version: 2^-60.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"AMQP")?;
    let version = part.array::<4>();
    require(matches!(
        version,
        [0 | 2 | 3, 1, 0, 0] | [0, 0, 9, 1] | [1, 1, 0, 10] | [1, 1, 8, 0 | 9] | [1, 1, 9, 1]
    ))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn clients_tell_the_version() {
        tcp(40000, 5672).original(hex("414d5150 00000901")).survives("AMQP");
        tcp(40000, 5672).original(hex("414d5150 00010000")).survives("AMQP");
        tcp(40000, 5672).original("AMQP is a protocol").is_nobodys();
    }
}
