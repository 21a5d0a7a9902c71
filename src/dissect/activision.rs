//! Activision's matchmaking (Call of Duty) over UDP: probes of its servers, which return them.

use crate::bytes::Stop;
use crate::dissect::sides::answered;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Activision.
pub static PROTOCOL: Protocol =
    Protocol { id: 50113, name: "Activision", category: "games", ports: &[] };

/// Probes.
pub static ACTIVISION: Dissector = Dissector {
    name: "activision",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PROBE_BYTES: usize = 29;

/// `0d 02 00`, 26 bytes; `0c 02 00` and the same: 2^-48 and 2^-208.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let probe = |bytes| body(bytes, 0x0d);
    answered(prefix, probe, |asked, bytes| body(bytes, 0x0c) == Some(*asked))
}

fn body(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    match bytes {
        [first, 2, 0, body @ ..] if *first == kind && bytes.len() == PROBE_BYTES => Some(body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, udp};

    #[test]
    fn a_probe_that_returns_is_activision() {
        let probe = |kind: u8| join(&[&[kind, 2, 0], &[0xd3; 26]]);
        udp(3074, 33441).original(probe(0x0d)).reply(probe(0x0c)).survives("Activision");
        udp(3074, 33441).original(probe(0x0d)).reply(probe(0x0d)).is_nobodys();
        udp(3074, 33441).original(probe(0x0d)).is_nobodys();
    }
}
