//! NNTP (RFC 3977) over TCP.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::{contains_word, each, line, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// NNTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 93, name: "NNTP", category: "file-sharing", ports: &[(Transport::Tcp, 119)] };

/// Its messages.
pub static NNTP: Dissector = Dissector {
    name: "nntp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The server's greeting (section 5.1) that says what it is, or what only a reader of news asks
/// first.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let first = side.first().copied().ok_or(Stop::NeedMore)?;
        require(matches!(first, b'2' | b'M' | b'm' | b'G' | b'C'))?;
        let line = line(side, 256)?;
        let greeting = (line.starts_with(b"200 ") || line.starts_with(b"201 "))
            && [&b"NNTP"[..], b"InterNetNews", b"Usenet"]
                .iter()
                .any(|word| contains_word(line, word));
        let asks = line.eq_ignore_ascii_case(b"MODE READER") || line.starts_with(b"GROUP alt.");
        require(greeting || asks)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn greetings_name_the_service() {
        tcp(40000, 119)
            .reply("200 news.example.org InterNetNews NNRP server ready\r\n")
            .survives("NNTP");
        tcp(40000, 119).original("MODE READER\r\n").survives("NNTP");
        tcp(40000, 119).reply("200 ready\r\n").is_nobodys();
    }
}
