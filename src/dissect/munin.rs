//! Munin nodes over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Munin.
pub static PROTOCOL: Protocol = Protocol {
    id: 311,
    name: "Munin",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4949)],
};

/// Its messages.
pub static MUNIN: Dissector = Dissector {
    name: "munin",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The greeting of a node.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"# munin node at ")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn nodes_greet() {
        tcp(40000, 4949).reply("# munin node at example\n").survives("Munin");
        tcp(40000, 4949).reply("# mumin node at example\n").is_nobodys();
    }
}
