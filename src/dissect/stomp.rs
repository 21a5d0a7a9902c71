//! STOMP (stomp.github.io): messages as text over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains, contains_any, is_any, line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// STOMP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50227, name: "STOMP", category: "messaging", ports: &[] };

/// Its messages.
pub static STOMP: Dissector = Dissector {
    name: "stomp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The frame that opens: a command alone on its line, then headers of which one is the protocol's.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let command = part.take(5);
    require(is_any(command, &[b"STOMP", b"CONNE"]))?;
    let line = line(part.bytes, 16)?;
    require(is_any(line, &[b"STOMP", b"CONNECT", b"CONNECTED"]))?;
    let head = part.bytes.get(..512).unwrap_or(part.bytes);
    let known: &[&[u8]] =
        &[b"\naccept-version:", b"\nversion:", b"\nlogin:", b"\nsession:", b"\nhost:"];
    if contains_any(head, known) {
        Ok(())
    } else if head.len() < 512 && !contains(head, b"\n\n") {
        Err(Stop::NeedMore)
    } else {
        Err(Stop::NotMine)
    }
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
