//! Roon over UDP: music players look for their core (port 9003).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Roon.
pub static PROTOCOL: Protocol =
    Protocol { id: 50128, name: "Roon", category: "media", ports: &[(Transport::Udp, 9003)] };

/// Discovery, as its open clients write it (node-roon-api, sood.js).
pub static ROON: Dissector = Dissector {
    name: "roon",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `SOOD`, version 2, a question or an answer: 2^-47.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"SOOD\x02")?;
    require(matches!(part.u8(), b'Q' | b'R' | b'X'))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn discovery_is_roon() {
        udp(50000, 9003).original("SOOD\x02Q\x04_tid\0\x01x").survives("Roon");
        udp(50000, 9003).original("SOOD\x01Q").is_nobodys();
    }
}
