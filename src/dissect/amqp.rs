//! AMQP 0-9-1 and 1.0 over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// AMQP.
pub static PROTOCOL: Protocol =
    Protocol { id: 192, name: "AMQP", category: "messaging", ports: &[(Transport::Tcp, 5672)] };

/// Its messages.
pub static AMQP: Dissector = Dissector {
    name: "amqp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The header with which a client opens: the name, what is inside, and a known version: 2^-60.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"AMQP")?;
        let version = reader.array::<4>()?;
        require(matches!(
            version,
            [0 | 2 | 3, 1, 0, 0] | [0, 0, 9, 1] | [1, 1, 0, 10] | [1, 1, 8, 0 | 9] | [1, 1, 9, 1]
        ))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
