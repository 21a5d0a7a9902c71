//! Probes of RIPE's research scanner, which says what it looks for: `MGLNDD_address_port`.

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// RIPE Atlas.
pub static PROTOCOL: Protocol =
    Protocol { id: 50112, name: "RipeAtlas", category: "networking", ports: &[] };

/// Probes.
pub static RIPEATLAS: Dissector = Dissector {
    name: "ripeatlas",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Seven bytes: 2^-56.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    // Datagrams too: the next may have what is cut here.
    Reader::stream(part.bytes).literal(b"MGLNDD_")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{tcp, udp};

    #[test]
    fn probes_are_told_by_their_text() {
        udp(56857, 29195).original("MGLNDD_192.0.2.1_1114").survives("RipeAtlas");
        tcp(56857, 29195).original("MGLNDD_192.0.2.1_1114").survives("RipeAtlas");
        udp(56857, 29195).original("MGLND-192.0.2.1").is_nobodys();
    }
}
