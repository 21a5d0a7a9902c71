//! HTTP/1: requests, responses, tunnels and upgrades (RFC 9110, RFC 9112), and the preface of
//! HTTP/2 without TLS (RFC 9113 section 3.4).

use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Protocol, bounded_text, bounded_texts, host_name};
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

use super::inner::{Start, tunnel};
use super::{Dissector, Question};

/// HTTP/1 in the clear.
pub static PROTOCOL: Protocol = Protocol {
    id: 7,
    name: "HTTP",
    category: "web",
    ports: &[(Transport::Tcp, 80), (Transport::Tcp, 8080)],
};
/// A tunnel through a proxy, RFC 9110 section 9.3.6.
pub static CONNECT: Protocol =
    Protocol { id: 130, name: "HTTP/Connect", category: "proxy", ports: &[] };
/// Requests to a proxy: their target is a whole URI, RFC 9112 section 3.2.2.
pub static PROXY: Protocol =
    Protocol { id: 131, name: "HTTP/Proxy", category: "proxy", ports: &[(Transport::Tcp, 3128)] };
/// A connection that asks to become a WebSocket, RFC 6455 section 4.1.
pub static WEBSOCKET: Protocol =
    Protocol { id: 286, name: "Websocket", category: "web", ports: &[] };
/// HTTP/2 with prior knowledge.
pub static HTTP2: Protocol = Protocol { id: 326, name: "HTTP/2", category: "web", ports: &[] };

/// HTTP over TCP.
pub static HTTP: Dissector = Dissector {
    name: "http",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL, &CONNECT, &PROXY, &WEBSOCKET, &HTTP2],
    question: Question::Facts(dissect),
    teach: None,
};

/// RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// IANA's registry of HTTP methods, and those of services that speak HTTP.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"CONNECT",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"POLL",
    b"MKCALENDAR",
    b"MERGE",
    b"CHECKOUT",
    b"BIND",
    b"QUERY",
    b"PURGE",
    b"BITS_POST",
    b"CCM_POST",
    b"SSTP_DUPLEX_POST",
    b"RPC_IN_DATA",
    b"RPC_OUT_DATA",
    b"RPC_CONNECT",
    b"SOURCE",
    b"BPROPFIND",
    b"BPROPPATCH",
];

/// The longest method above, and the space behind it.
const METHOD_WITHIN: usize = 17;
/// Header lines looked at; a prefix holds hardly more.
const LINES_MAX: usize = 256;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let [original, reply] = prefix.both().map(Opening::of);
    let client = match (original, reply) {
        (Opening::Other, _) | (Opening::Nothing, Opening::Other) => {
            return Err(Stop::NotMine);
        }
        (Opening::Request, _) => Direction::Original,
        (_, Opening::Request) => Direction::Reply,
        (Opening::Response, _) | (_, Opening::Response) => {
            // The question may still come by, in the middle of a connection at least.
            return Ok(Facts { pending: !prefix.last_call, ..Facts::of(&PROTOCOL) });
        }
        _ if prefix.last_call => return Err(Stop::NotMine),
        _ => return Err(Stop::NeedMore),
    };
    let facts = request(prefix.sent(client), prefix.last_call)?;
    if *facts.protocol != CONNECT {
        return Ok(facts);
    }
    Ok(tunnel(prefix, facts, prefix.both().map(behind_head)))
}

/// Where a tunnel begins: behind CONNECT, and behind the answer that agrees (RFC 9110 section
/// 9.3.6). A proxy that wants a password first answers 407 and is asked again.
fn behind_head(side: &[u8]) -> Start {
    let mut rest = Reader::stream(side);
    let refuses = side.starts_with(b"HTTP/1.") && side.get(9) != Some(&b'2');
    if refuses {
        return if side.get(9..12) == Some(b"407") { Start::Awaited } else { Start::Never };
    }
    for _ in 0..LINES_MAX {
        match line(&mut rest) {
            None => return Start::Awaited,
            Some([]) if rest.rest().starts_with(b"CONNECT ") => {}
            Some([]) => return Start::At(side.len().saturating_sub(rest.len())),
            Some(_) => {}
        }
    }
    Start::Never
}

/// What one side's first bytes are.
#[derive(Clone, Copy)]
enum Opening {
    Nothing,
    Short,
    Request,
    Response,
    Other,
}

impl Opening {
    fn of(bytes: &[u8]) -> Opening {
        match bytes {
            [] => Opening::Nothing,
            [b'A'..=b'Z', ..] => Opening::of_capital(bytes),
            _ => Opening::Other,
        }
    }

    fn of_capital(bytes: &[u8]) -> Opening {
        let mut status = Reader::stream(bytes);
        match status.literal(b"HTTP/1.") {
            Err(Stop::NeedMore) => return Opening::Short,
            // RFC 9112 section 4: one digit, a space, three digits.
            Ok(()) => {
                return match status.rest() {
                    [b'0' | b'1', b' ', b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => {
                        Opening::Response
                    }
                    rest if rest.len() < 5 => Opening::Short,
                    _ => Opening::Other,
                };
            }
            Err(_) => {}
        }
        let head = bytes.get(..METHOD_WITHIN).unwrap_or(bytes);
        let known = match head.iter().position(|byte| *byte == b' ') {
            Some(end) => {
                let method = head.get(..end).unwrap_or_default();
                if METHODS.contains(&method) || bytes.starts_with(b"PRI * HTTP/2") {
                    return Opening::Request;
                }
                PREFACE.starts_with(bytes)
            }
            None => {
                METHODS.iter().any(|method| method.starts_with(head)) || PREFACE.starts_with(head)
            }
        };
        if known { Opening::Short } else { Opening::Other }
    }
}

/// Facts of a request whose method is known.
fn request(bytes: &[u8], last_call: bool) -> Result<Facts, Stop> {
    let mut lines = Reader::stream(bytes);
    match lines.literal(PREFACE) {
        Ok(()) => return Ok(Facts::of(&HTTP2)),
        Err(Stop::NeedMore) if !last_call => return Err(Stop::NeedMore),
        _ => {}
    }
    let line = match line(&mut lines) {
        Some(line) => Line::parse(line)?,
        // Too long for the prefix, or cut.
        None if last_call => Line::parse_cut(bytes)?,
        None => return Err(Line::refuse_early(bytes)),
    };
    let headers = Headers::read(&mut lines);
    if !headers.complete && !last_call {
        return Err(Stop::NeedMore);
    }
    let (protocol, authority, path) = if line.method == b"CONNECT" {
        (&CONNECT, Some(line.target), line.target)
    } else if let Some(rest) = after_scheme(line.target) {
        let end = rest.iter().position(|byte| b"/?#".contains(byte));
        // Of a cut line the authority may be a part: `example.co` is another's name.
        let end = end.or(if line.cut { None } else { Some(rest.len()) });
        (&PROXY, end.and_then(|end| rest.get(..end)), rest)
    } else {
        (if headers.websocket { &WEBSOCKET } else { &PROTOCOL }, None, line.target)
    };
    let mut facts = Facts::of(protocol);
    // The target's own host outranks the field, RFC 9112 section 3.2.2.
    facts.host = authority.and_then(authority_host).or_else(|| headers.host.and_then(host_name));
    let front = if authority.is_some() { None } else { headers.host };
    let url = Detail::HttpUrl(bounded_texts(&[front.unwrap_or_default(), path]));
    facts.details = match headers.user_agent {
        Some(text) => vec![url, Detail::HttpUserAgent(bounded_text(text))].into(),
        None => vec![url].into(),
    };
    Ok(facts)
}

/// A request line, RFC 9112 section 3.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
    /// The target's end is missing.
    cut: bool,
}

impl<'a> Line<'a> {
    /// Servers forgive a missing space or minor version, so both are forgiven here.
    fn parse(line: &'a [u8]) -> Result<Self, Stop> {
        let front = line.strip_suffix(b" ").unwrap_or(line);
        let front = front.strip_suffix(b"0").or(front.strip_suffix(b"1")).unwrap_or(front);
        // RTSP and SIP have the same form but for this.
        let front = front.strip_suffix(b"HTTP/1.").ok_or(Stop::NotMine)?;
        let space = front.iter().position(|byte| *byte == b' ').ok_or(Stop::NotMine)?;
        let (method, target) = front.split_at_checked(space).unwrap_or_default();
        Ok(Line { method, target: target.trim_ascii(), cut: false })
    }

    /// A line whose end never came: only the usual forms of target are believed.
    fn parse_cut(bytes: &'a [u8]) -> Result<Self, Stop> {
        let mut reader = Reader::datagram(bytes);
        let method = reader.until(b" ")?;
        let target = reader.rest();
        if target.starts_with(b"/") || after_scheme(target).is_some() {
            Ok(Line { method, target, cut: true })
        } else {
            Err(Stop::NotMine)
        }
    }

    /// Whether it is worth waiting for the end of a line.
    fn refuse_early(bytes: &[u8]) -> Stop {
        // A request line is text; so is the little that came of it.
        if bytes.iter().any(|byte| byte.is_ascii_control()) {
            Stop::NotMine
        } else {
            Stop::NeedMore
        }
    }
}

/// What follows `http://` or another scheme in a target.
fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let schemes: &[&[u8]] = &[b"http://", b"https://", b"ftp://", b"ws://"];
    schemes
        .iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
        .and_then(|scheme| target.get(scheme.len()..))
}

/// The host of `user@host:port`.
fn authority_host(authority: &[u8]) -> Option<Box<str>> {
    authority.rsplit(|byte| *byte == b'@').next().and_then(host_name)
}

/// The next line without its end; `None` if the end has not come.
fn line<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let line = reader.until(b"\n").ok()?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value in a header line, if it is that of the field of that name.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name))?;
    Some(value.trim_ascii())
}

/// The header fields that are wanted.
#[derive(Default)]
struct Headers<'a> {
    host: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    websocket: bool,
    complete: bool,
}

impl<'a> Headers<'a> {
    fn read(lines: &mut Reader<'a>) -> Self {
        let mut headers = Headers::default();
        for _ in 0..LINES_MAX {
            let Some(line) = line(lines) else { return headers };
            if line.is_empty() {
                break;
            }
            if let Some(value) = field(line, b"host") {
                headers.host = headers.host.or(Some(value));
            } else if let Some(value) = field(line, b"upgrade") {
                headers.websocket = value.eq_ignore_ascii_case(b"websocket");
            } else if let Some(value) = field(line, b"user-agent") {
                headers.user_agent = Some(value);
            }
        }
        headers.complete = true;
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::testing::{Talk, mistreat, truncate};

    fn tcp() -> Talk {
        Talk::new(Transport::Tcp, 80)
    }

    fn ask(request: &str) -> Result<Facts, Stop> {
        tcp().original(request.as_bytes()).ask(&HTTP)
    }

    const GET: &str =
        "GET /a?b=c HTTP/1.1\r\nUser-Agent: Wget/1.21\r\nhOST: WWW.Example.Org:80\r\n\r\n";

    #[test]
    fn a_request_names_host_url_and_agent() {
        let facts = ask(GET).unwrap();
        assert_eq!((facts.protocol, facts.pending), (&PROTOCOL, false));
        assert_eq!(facts.host.as_deref(), Some("www.example.org"));
        assert_eq!(
            facts.details,
            [
                Detail::HttpUrl("WWW.Example.Org:80/a?b=c".into()),
                Detail::HttpUserAgent("Wget/1.21".into())
            ]
        );
    }

    #[test]
    fn requests_come_in_many_forms() {
        for (request, protocol, host, url) in [
            (
                "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n",
                &CONNECT,
                "a.example",
                "a.example:443",
            ),
            (
                "GET http://u@a.example:80/x HTTP/1.1\r\nHost: b.example\r\n\r\n",
                &PROXY,
                "a.example",
                "u@a.example:80/x",
            ),
            (
                "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: WebSocket\r\n\r\n",
                &WEBSOCKET,
                "a.example",
                "a.example/chat",
            ),
            ("OPTIONS * HTTP/1.1\nHost:a.example\n\n", &PROTOCOL, "a.example", "a.example*"),
            ("GET /HTTP/1.1\nHost: a.example\n\n", &PROTOCOL, "a.example", "a.example/"),
            (
                "RPC_OUT_DATA /rpc HTTP/1.0\r\nhost: a.example.\r\n\r\n",
                &PROTOCOL,
                "a.example",
                "a.example./rpc",
            ),
        ] {
            let facts = ask(request).unwrap();
            assert_eq!(
                (facts.protocol, facts.host.as_deref()),
                (protocol, Some(host)),
                "{request}"
            );
            assert_eq!(facts.details[0], Detail::HttpUrl(url.into()), "{request}");
        }
    }

    #[test]
    fn a_response_waits_for_its_question() {
        let facts = tcp().reply(b"HTTP/1.1 200 OK\r\n").ask(&HTTP).unwrap();
        assert_eq!((facts.protocol, facts.host.as_deref(), facts.pending), (&PROTOCOL, None, true));
        let both = tcp().original(b"HTTP/1.0 404 x\r\n").reply(GET.as_bytes()).mid_stream();
        assert_eq!(both.ask(&HTTP).unwrap().host.as_deref(), Some("www.example.org"));
    }

    #[test]
    fn http_2_has_a_preface() {
        assert_eq!(tcp().original(PREFACE).ask(&HTTP).unwrap().protocol, &HTTP2);
        assert_eq!(truncate(&HTTP, &tcp(), PREFACE), PREFACE.len() - 1);
    }

    #[test]
    fn a_cut_request_tells_what_it_has_at_the_last_call() {
        for (length, host) in [(10, None), (GET.len() - 2, Some("www.example.org"))] {
            let cut = tcp().original(&GET.as_bytes()[..length]);
            assert_eq!(cut.ask(&HTTP), Err(Stop::NeedMore));
            let facts = cut.at_last().ask(&HTTP).unwrap();
            assert_eq!((facts.protocol, facts.host.as_deref()), (&PROTOCOL, host));
        }
        for (cut, host) in [("GET http://a.exam", None), ("GET http://a.exam/", Some("a.exam"))] {
            let facts = tcp().original(cut.as_bytes()).at_last().ask(&HTTP).unwrap();
            assert_eq!((facts.protocol, facts.host.as_deref()), (&PROXY, host));
        }
    }

    #[test]
    fn every_truncation_waits_and_no_damage_panics() {
        assert_eq!(truncate(&HTTP, &tcp(), GET.as_bytes()), GET.len() - 1);
        mistreat(&HTTP, &tcp(), GET.as_bytes(), &["HTTP"]);
        mistreat(&HTTP, &tcp(), b"CONNECT a:1 HTTP/1.1\r\n\r\n", &["HTTP/Connect"]);
        mistreat(&HTTP, &tcp(), b"HTTP/1.1 200 OK\r\n", &["HTTP"]);
    }

    #[test]
    fn others_are_refused_at_once() {
        for text in [
            "DESCRIBE rtsp://a/b RTSP/1.0\r\n",
            "OPTIONS rtsp://a/b RTSP/1.0\r\n",
            "OPTIONS sip:a SIP/2.0\r\n",
            "GETX / HTTP/1.1\r\n",
            "EHLO mail\r\n",
            "220 HTTP/1.1\r\n",
            "HTTP/1.1 abc",
            "GET \u{1}\u{2}",
        ] {
            assert_eq!(ask(text), Err(Stop::NotMine), "{text}");
        }
    }
}
