//! Kismet servers over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// The greeting of the client protocol.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| Reader::stream(side).literal(b"*KISMET: ")).map(|()| Facts::of(&PROTOCOL))
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
