//! Kismet servers over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Kismet.
pub static PROTOCOL: Protocol = Protocol {
    id: 309,
    name: "KISMET",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 2501)],
};

/// Its messages.
pub static KISMET: Dissector = Dissector {
    name: "kismet",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The greeting of the client protocol.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"*KISMET: ")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn servers_greet() {
        tcp(40000, 2501).reply("*KISMET: 0.0.0 1276095222 \x01Kismet\x01\n").survives("KISMET");
        tcp(40000, 2501).reply("*KISSES: 0").is_nobodys();
    }
}
