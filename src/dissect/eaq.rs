//! EAQ, the measurement of broadband quality by Brazil's regulator, over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::answered;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// EAQ.
pub static PROTOCOL: Protocol =
    Protocol { id: 190, name: "EAQ", category: "networking", ports: &[] };

/// Of the regulator's servers (IANA has X11 there, over TCP).
const PORT: u16 = 6000;

/// A probe and its echo.
pub static EAQ: Dissector = Dissector {
    name: "eaq",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Sixteen bytes: four zeros, a test's number, a counter, `00009000`. The answer is the same but for
/// `00006000`: 2^-64 for the fixed bytes, 2^-64 for those that return. At the servers' port the probe
/// is enough, as many are lost.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let probe = |bytes| numbers(bytes, 0x90);
    let mut asked = prefix.datagrams().map(|datagram| datagram.bytes);
    if prefix.has_port(PORT) && asked.any(|bytes| probe(bytes).is_some()) {
        return Ok(());
    }
    answered(prefix, probe, |asked, bytes| numbers(bytes, 0x60) == Some(*asked))
}

fn numbers(bytes: &[u8], way: u8) -> Option<&[u8]> {
    match bytes {
        [0, 0, 0, 0, numbers @ .., 0, 0, last, 0] if *last == way && numbers.len() == 8 => {
            Some(numbers)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn a_probe_and_its_echo_are_eaq() {
        let probe = hex("00000000 00000dda 00014b07 00009000");
        let echo = hex("00000000 00000dda 00014b07 00006000");
        udp(52257, 6000).original(&probe).survives("EAQ");
        udp(52257, 6001).original(&probe).reply(&echo).survives("EAQ");
        udp(52257, 6001).original(&probe).reply(&probe).is_nobodys();
        udp(52257, 6001).original(&probe).is_nobodys();
    }
}
