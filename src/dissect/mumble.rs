//! Mumble over UDP: the ping that lists of servers use (Mumble protocol, "Ping").

use crate::bytes::Stop;
use crate::dissect::sides::answered;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

const PORT: u16 = 64738;

/// Mumble (its port for TLS and voice).
pub static PROTOCOL: Protocol = Protocol {
    id: 50119,
    name: "Mumble",
    category: "voip",
    ports: &[(Transport::Udp, PORT), (Transport::Tcp, PORT)],
};

/// Pings.
pub static MUMBLE: Dissector = Dissector {
    name: "mumble",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Four zeros and eight bytes; the answer has 24 bytes: a version 1 (2^-16), the same eight (2^-64),
/// users, room for users, bandwidth.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    answered(prefix, ping, |number, bytes| {
        bytes.len() == 24 && bytes.starts_with(&[0, 1]) && bytes.get(4..12) == Some(*number)
    })
}

fn ping(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0, 0, 0, 0, number @ ..] if number.len() == 8 => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn a_ping_comes_back_with_numbers() {
        let ping = hex("00000000 0102030405060708");
        let pong = hex("00010205 0102030405060708 00000003 00000064 00011940");
        udp(50000, 64738).original(&ping).reply(&pong).survives("Mumble");
        let mut damaged = pong;
        damaged[5] = 9;
        udp(50000, 64738).original(&ping).reply(damaged).is_nobodys();
    }
}
