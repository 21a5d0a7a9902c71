//! The agent of Checkmk over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Checkmk.
pub static PROTOCOL: Protocol =
    Protocol { id: 138, name: "CHECKMK", category: "infrastructure", ports: &[] };

/// Its messages.
pub static CHECKMK: Dissector = Dissector {
    name: "checkmk",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The header of an agent's first section.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"<<<check_mk>>>")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn agents_begin_with_their_section() {
        tcp(40000, 6556).reply("<<<check_mk>>>\nVersion: 2.0\n").survives("CHECKMK");
        tcp(40000, 6556).reply("<<<check_mi>>>\n").is_nobodys();
    }
}
