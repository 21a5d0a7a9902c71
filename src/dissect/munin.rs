//! Munin nodes over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// The greeting of a node.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| Reader::stream(side).literal(b"# munin node at "))
        .map(|()| Facts::of(&PROTOCOL))
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
