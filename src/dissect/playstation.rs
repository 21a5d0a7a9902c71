//! PlayStation in the LAN: discovery and waking of consoles over UDP (ports 987 and 9302).
//!
//! The text messages that open clients of Remote Play write (chiaki, lib/src/discovery.c).

use crate::bytes::Stop;
use crate::dissect::sides::{contains, require, starts_with_any};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// PlayStation.
pub static PROTOCOL: Protocol = Protocol {
    id: 50117,
    name: "PlayStation",
    category: "games",
    ports: &[(Transport::Udp, 987), (Transport::Udp, 9302)],
};

/// Discovery.
pub static PLAYSTATION: Dissector = Dissector {
    name: "playstation",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A first word and the name of the protocol's version: 2^-200.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let first: &[&[u8]] =
        &[b"SRCH * HTTP/1.1", b"WAKEUP * HTTP/1.1", b"LAUNCH * HTTP/1.1", b"HTTP/1.1 "];
    require(
        starts_with_any(part.bytes, first)
            && contains(part.bytes, b"\ndevice-discovery-protocol-version:"),
    )
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn searches_and_answers_are_playstation() {
        let version = "device-discovery-protocol-version:00030010\n";
        udp(9303, 9302).original(format!("SRCH * HTTP/1.1\n{version}")).survives("PlayStation");
        udp(9303, 9302)
            .reply(format!("HTTP/1.1 620 Server Standby\nhost-id:1\n{version}"))
            .survives("PlayStation");
        udp(9303, 9302).original("SRCH * HTTP/1.1\nversion:1\n").is_nobodys();
    }
}
