//! Citrix ICA and its session reliability (CGP) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, first_yes};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Citrix.
pub static PROTOCOL: Protocol = Protocol {
    id: 132,
    name: "Citrix",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 1494), (Transport::Tcp, 2598)],
};

/// Its messages.
pub static CITRIX: Dissector = Dissector {
    name: "citrix",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The server's mark twice over, or the other's name and version: 2^-48 and more.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let openings = [&b"\x7f\x7fICA\0"[..], b"\x1aCGP/01"];
        first_yes(openings.iter().map(|opening| Reader::stream(side).literal(opening)))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn both_begin_with_a_mark() {
        tcp(40000, 1494).reply("\x7f\x7fICA\0\x7f\x7fICA\0").survives("Citrix");
        tcp(40000, 2598).original("\x1aCGP/01\x01\0").survives("Citrix");
        tcp(40000, 1494).reply("\x7f\x7fICQ").is_nobodys();
    }
}
