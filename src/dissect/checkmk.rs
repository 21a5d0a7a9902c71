//! The agent of Checkmk over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Checkmk.
pub static PROTOCOL: Protocol =
    Protocol { id: 138, name: "CHECKMK", category: "infrastructure", ports: &[] };

/// Its messages.
pub static CHECKMK: Dissector = Dissector {
    name: "checkmk",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The header of an agent's first section.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| Reader::stream(side).literal(b"<<<check_mk>>>"))
        .map(|()| Facts::of(&PROTOCOL))
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
