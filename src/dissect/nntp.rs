//! NNTP (RFC 3977) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains_word, line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NNTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 93, name: "NNTP", category: "file-sharing", ports: &[(Transport::Tcp, 119)] };

/// Its messages.
pub static NNTP: Dissector = Dissector {
    name: "nntp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The server's greeting (section 5.1) that says what it is, or what only a reader of news asks
/// first.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let first = part.bytes.first().copied().ok_or(Stop::NeedMore)?;
    require(matches!(first, b'2' | b'M' | b'm' | b'G' | b'C'))?;
    let line = line(part.bytes, 256)?;
    let words: &[&[u8]] = &[b"NNTP", b"InterNetNews", b"Usenet"];
    let greeting = (line.starts_with(b"200 ") || line.starts_with(b"201 "))
        && words.iter().any(|word| contains_word(line, word));
    let asks = line.eq_ignore_ascii_case(b"MODE READER") || line.starts_with(b"GROUP alt.");
    require(greeting || asks)
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
