//! SIP (RFC 3261) and RTSP (RFC 2326, RFC 7826): a first line that ends or starts with the version.

use crate::bytes::Stop;
use crate::dissect::sides::{line, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SIP.
pub static PROTOCOL: Protocol = Protocol {
    id: 100,
    name: "SIP",
    category: "voip",
    ports: &[(Transport::Udp, 5060), (Transport::Tcp, 5060)],
};
/// RTSP.
pub static PROTOCOL_RTSP: Protocol =
    Protocol { id: 50, name: "RTSP", category: "media", ports: &[(Transport::Tcp, 554)] };

/// Requests and responses of both.
pub static SIP: Dissector = Dissector {
    name: "sip",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL, &PROTOCOL_RTSP],
    question: Question::Which(dissect),
    teach: None,
};

/// The longest first line read.
const LINE_MAX: usize = 1024;

fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    // Keep-alives of RFC 5626 section 4.4.1 come as bare line ends.
    let message = part.bytes.trim_ascii_start();
    if message.is_empty() && part.bytes.len() <= 8 {
        return Err(Stop::NeedMore);
    }
    if !message.first().is_some_and(u8::is_ascii_uppercase) {
        return Err(Stop::NotMine);
    }
    let line = line(message, LINE_MAX)?;
    let (mut words, last) = (line.split(|&byte| byte == b' '), line.rsplit(|&b| b == b' ').next());
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    let coded = second.len() == 3 && second.iter().all(u8::is_ascii_digit);
    // A version begins an answer and ends a request.
    let is =
        |version: &[u8]| coded && first == version || last == Some(version) && is_method(first);
    if is(b"SIP/2.0") {
        return Ok(&PROTOCOL);
    }
    require(is(b"RTSP/1.0") || is(b"RTSP/2.0")).map(|()| &PROTOCOL_RTSP)
}

fn is_method(word: &[u8]) -> bool {
    (3..=16).contains(&word.len()) && word.iter().all(|&b| b.is_ascii_uppercase() || b == b'_')
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{tcp, udp};

    #[test]
    fn the_version_stands_at_one_end_of_the_first_line() {
        udp(5060, 5060).original("REGISTER sip:example.org SIP/2.0\r\nVia: x\r\n").survives("SIP");
        udp(5060, 5060).original("\r\n\r\n").original("SIP/2.0 200 OK\r\n").survives("SIP");
        tcp(40000, 554).original("OPTIONS rtsp://cam/1 RTSP/1.0\r\nCSeq: 1\r\n").survives("RTSP");
        let other = tcp(40000, 554).original("GET / HTTP/1.1\r\n\r\n");
        assert_eq!(other.name(), Some("HTTP"), "the version of another protocol");
        tcp(40000, 554).original([b'A'; 2000]).is_nobodys();
    }
}
