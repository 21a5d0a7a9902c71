//! STOMP (stomp.github.io): messages as text over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{contains, each, line, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// STOMP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50227, name: "STOMP", category: "messaging", ports: &[] };

/// Its messages.
pub static STOMP: Dissector = Dissector {
    name: "stomp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The frame that opens: a command alone on its line, then headers of which one is the protocol's.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let command = reader.take(5)?;
        require(matches!(command, b"STOMP" | b"CONNE"))?;
        let line = line(side, 16)?;
        require(matches!(line, b"STOMP" | b"CONNECT" | b"CONNECTED"))?;
        let head = side.get(..512).unwrap_or(side);
        let known =
            [&b"\naccept-version:"[..], b"\nversion:", b"\nlogin:", b"\nsession:", b"\nhost:"];
        if known.iter().any(|header| contains(head, header)) {
            Ok(())
        } else if head.len() < 512 && !contains(head, b"\n\n") {
            Err(Stop::NeedMore)
        } else {
            Err(Stop::NotMine)
        }
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn frames_open_with_headers() {
        tcp(40000, 61613).original("STOMP\naccept-version:1.1\n\n\0").survives("STOMP");
        tcp(40000, 61613).reply("CONNECTED\nversion:1.1\n\n\0").survives("STOMP");
        tcp(40000, 61613).original("CONNECT\nme:now\n\n\0").is_nobodys();
    }
}
