//! HTTP/1: requests, responses, tunnels and upgrades (RFC 9110, RFC 9112), and the preface of
//! HTTP/2 without TLS (RFC 9113 section 3.4).

use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Protocol, bounded_text, host_name};
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

use super::Dissector;

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
    dissect,
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
        (Opening::Other, _) | (Opening::Nothing | Opening::Response, Opening::Other) => {
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
    request(prefix.sent(client), prefix.last_call)
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
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        (&PROXY, rest.get(..end), rest)
    } else {
        (if headers.websocket { &WEBSOCKET } else { &PROTOCOL }, None, line.target)
    };
    let mut facts = Facts::of(protocol);
    // The target's own host outranks the field, RFC 9112 section 3.2.2.
    facts.host = authority.and_then(authority_host).or_else(|| headers.host.and_then(host_name));
    let front = if authority.is_some() { None } else { headers.host };
    let url = [front.unwrap_or_default(), path].concat();
    facts.details.push(Detail::HttpUrl(bounded_text(&url)));
    facts.details.extend(headers.user_agent.map(|text| Detail::HttpUserAgent(bounded_text(text))));
    Ok(facts)
}

/// A request line, RFC 9112 section 3.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Stop> {
        let space = |byte: &u8| *byte == b' ';
        let first = line.iter().position(space).ok_or(Stop::NotMine)?;
        let last = line.iter().rposition(space).ok_or(Stop::NotMine)?;
        let version = line.get(last..).unwrap_or_default();
        if !matches!(version, [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9']) {
            return Err(Stop::NotMine); // RTSP and SIP have the same form
        }
        let target = line.get(first.saturating_add(1)..last).unwrap_or_default();
        if target.is_empty() {
            return Err(Stop::Malformed);
        }
        Ok(Line { method: line.get(..first).unwrap_or_default(), target })
    }

    /// A line whose end never came: only the usual forms of target are believed.
    fn parse_cut(bytes: &'a [u8]) -> Result<Self, Stop> {
        let mut reader = Reader::datagram(bytes);
        let method = reader.until(b" ")?;
        let target = reader.rest();
        if target.starts_with(b"/") || after_scheme(target).is_some() {
            Ok(Line { method, target })
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
    [&b"http://"[..], b"https://", b"ftp://", b"ws://"]
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
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") && headers.host.is_none() => {
                    headers.host = Some(value);
                }
                7 if name.eq_ignore_ascii_case(b"upgrade") => {
                    headers.websocket = value.eq_ignore_ascii_case(b"websocket");
                }
                10 if name.eq_ignore_ascii_case(b"user-agent") => headers.user_agent = Some(value),
                _ => {}
            }
        }
        headers.complete = true;
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
}
