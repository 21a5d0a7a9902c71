//! IRC (RFC 2812, modern clients' CAP) and XMPP (RFC 6120).

use crate::bytes::Stop;
use crate::dissect::inner::{Start, starttls};
use crate::dissect::sides::{contains, each, is_any, line};
use crate::dissect::tls::protocol::XMPPS;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// IRC.
pub static IRC: Protocol = Protocol {
    id: 65,
    name: "IRC",
    category: "messaging",
    ports: &[(Transport::Tcp, 6667), (Transport::Tcp, 194)],
};
/// XMPP.
pub static XMPP: Protocol = Protocol {
    id: 67,
    name: "XMPP",
    category: "messaging",
    ports: &[(Transport::Tcp, 5222), (Transport::Tcp, 5269)],
};

/// Both.
pub static CHAT: Dissector = Dissector {
    name: "chat",
    over: &[Transport::Tcp],
    protocols: &[&IRC, &XMPP, &XMPPS],
    question: Question::Facts(dissect),
    teach: None,
};

/// RFC 2812 section 2.3: 512 bytes with the line end; tags are longer.
const LINE_MAX: usize = 1024;
/// The opening tag of a stream stands in the first bytes.
const STREAM_MAX: usize = 1024;
/// Lines of IRC that must be right before it is believed.
const LINES_MIN: usize = 2;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let facts = each(prefix, |side| match side.first() {
        Some(b'<') => xmpp(side).map(|()| Facts::of(&XMPP)),
        Some(b'A'..=b'Z' | b'a'..=b'z' | b':') => irc(side).map(|()| Facts::of(&IRC)),
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    })?;
    if *facts.protocol != XMPP {
        return Ok(facts);
    }
    Ok(starttls(prefix, facts, &XMPPS, prefix.both().map(behind_elements)))
}

/// Where TLS begins behind elements, RFC 6120 section 5.4.3.3: XML has no control characters, so a
/// record behind the end of a tag is the change. Whoever logs in without it does so to the end.
fn behind_elements(side: &[u8]) -> Start {
    let record = side.windows(3).position(|bytes| bytes == [b'>', 0x16, 3]);
    match record {
        Some(before) => Start::At(before.saturating_add(1)),
        None if contains(side, b"<auth ") || contains(side, b"<iq") => Start::Never,
        None => Start::Awaited,
    }
}

/// RFC 6120 section 4.7: a `stream` element in the namespace of streams.
fn xmpp(side: &[u8]) -> Result<(), Stop> {
    let head = side.get(..STREAM_MAX).unwrap_or(side);
    let openings: &[&[u8]] = &[b"<?xml", b"<stream:"];
    let start = openings.iter().any(|opening| {
        let seen = head.len().min(opening.len());
        head.get(..seen) == opening.get(..seen)
    });
    if !start {
        return Err(Stop::NotMine);
    }
    if contains(head, b"<stream:stream") && contains(head, b"http://etherx.jabber.org/streams") {
        return Ok(());
    }
    Err(if side.len() < STREAM_MAX { Stop::NeedMore } else { Stop::NotMine })
}

/// Two lines in a row: a client's registration, or what a server says to it.
fn irc(side: &[u8]) -> Result<(), Stop> {
    let mut rest = side;
    for _ in 0..LINES_MIN {
        let text = line(rest, LINE_MAX)?;
        if !is_irc(text) {
            return Err(Stop::NotMine);
        }
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(rest.len(), |end| end.saturating_add(1));
        rest = rest.get(end..).unwrap_or_default();
    }
    Ok(())
}

fn is_irc(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ');
    let mut first = words.next().unwrap_or_default();
    let from_server = first.starts_with(b":") && first.len() > 2;
    if from_server {
        first = words.next().unwrap_or_default();
        let numeric = first.len() == 3 && first.iter().all(u8::is_ascii_digit);
        return numeric || is_any(first, &[b"NOTICE", b"CAP", b"PING", b"MODE", b"JOIN"]);
    }
    let second = words.next().unwrap_or_default();
    let third = words.next();
    let is = |commands: &[&[u8]]| is_any(first, commands);
    is(&[b"NICK", b"nick"]) && !second.is_empty() && third.is_none()
        || is(&[b"USER", b"user"]) && words.next().is_some() // four parameters (section 3.1.3)
        || is(&[b"CAP"]) && is_any(second, &[b"LS", b"REQ", b"END"])
        || is(&[b"NOTICE"]) && second == b"AUTH"
        || is(&[b"PASS", b"JOIN", b"PING"]) && !second.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn two_lines_of_irc_are_asked_for() {
        tcp(40000, 6667).original("NICK bob\r\nUSER bob 0 * :Bob\r\n").survives("IRC");
        tcp(40000, 6667)
            .reply(":irc.example NOTICE * :hi\r\n:irc.example 001 bob :hi\r\n")
            .survives("IRC");
        tcp(40000, 6667).original("PASS x\r\nLIST\r\n").is_nobodys();
        tcp(40000, 6667).original("NICK bob\r\n").is_nobodys();
    }

    #[test]
    fn a_stream_in_its_namespace_is_xmpp() {
        let open = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
            xmlns:stream='http://etherx.jabber.org/streams'>";
        tcp(40000, 5222).original(open).survives("XMPP");
        tcp(40000, 5222).original("<?xml version='1.0'?><html/>").is_nobodys();
    }
}
