//! Icecast and SHOUTcast over TCP where they are not HTTP: sources that connect, and old answers.
//!
//! Icecast's protocol as in its documentation, "Source protocol" (`SOURCE ... ICE/1.0`), and
//! SHOUTcast's `ICY` status line.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, line};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Icecast.
pub static PROTOCOL: Protocol = Protocol { id: 52, name: "IceCast", category: "media", ports: &[] };

/// Sources and answers.
pub static ICECAST: Dissector = Dissector {
    name: "icecast",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A mount point and its source.
const LINE_MAX: usize = 256;

/// Seven bytes and a version at the line's end, or eleven bytes: 2^-88.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        if side.first() == Some(&b'I') {
            return Reader::stream(side).literal(b"ICY 200 OK\r\n").map(|()| Facts::of(&PROTOCOL));
        }
        Reader::stream(side).literal(b"SOURCE ")?;
        if line(side, LINE_MAX)?.ends_with(b" ICE/1.0") {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
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
