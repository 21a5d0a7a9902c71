//! Icecast and SHOUTcast over TCP where they are not HTTP: sources that connect, and old answers.
//!
//! Icecast's protocol as in its documentation, "Source protocol" (`SOURCE ... ICE/1.0`), and
//! SHOUTcast's `ICY` status line.

use crate::bytes::Stop;
use crate::dissect::sides::{line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Icecast.
pub static PROTOCOL: Protocol = Protocol { id: 52, name: "IceCast", category: "media", ports: &[] };

/// Sources and answers.
pub static ICECAST: Dissector = Dissector {
    name: "icecast",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A mount point and its source.
const LINE_MAX: usize = 256;

/// Seven bytes and a version at the line's end, or eleven bytes: 2^-88.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.bytes.first() == Some(&b'I') {
        return part.literal(b"ICY 200 OK\r\n");
    }
    part.literal(b"SOURCE ")?;
    require(line(part.bytes, LINE_MAX)?.ends_with(b" ICE/1.0"))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn sources_and_answers_are_icecast() {
        tcp(40000, 8000).reply("ICY 200 OK\r\nicy-name:x\r\n").survives("IceCast");
        tcp(40000, 8000).original("SOURCE /live ICE/1.0\r\n").survives_as("IceCast", "HTTP");
        tcp(40000, 8000).original("SOURCE /live\r\n").is_nobodys();
    }
}
