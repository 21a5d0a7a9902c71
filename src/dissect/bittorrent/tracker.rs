//! Trackers: over HTTP (BEP 3 "trackers", BEP 48 scrape, BEP 17 seeding) and UDP (BEP 15).

use std::net::{IpAddr, SocketAddr};

use super::bencode::{self, Token};
use super::teach::Notes;
use crate::bytes::{Reader, Stop, be_u16_at, be_u32_at};
use crate::facts::host_name;
use crate::prefix::Prefix;

/// The longest request line read: an announce has about 400 bytes, a scrape some hashes.
const REQUEST_MAX: usize = 4096;
/// The longest address in a request: each character may be written as three.
const ADDRESS_MAX: usize = 3 * "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535".len();
/// The longest head of a response read.
const HEAD_MAX: usize = 2048;

/// One side of an HTTP connection.
///
/// A request is a tracker's if it has a parameter `info_hash` of exactly 20 bytes once decoded. A
/// response is if its body opens with a tracker's dictionary: at least 12 fixed bytes.
pub fn http(bytes: &[u8]) -> Result<Option<[u8; 20]>, Stop> {
    match bytes.first() {
        Some(b'G') => request(bytes).map(Some),
        Some(b'H') => response(bytes).map(|()| None),
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    }
}

fn request(bytes: &[u8]) -> Result<[u8; 20], Stop> {
    let query = query(bytes)?;
    let hash = query
        .parameters()
        .find_map(|parameter| parameter.strip_prefix(b"info_hash=").and_then(percent_hash));
    let stop = if query.is_whole { Stop::NotMine } else { Stop::NeedMore };
    hash.ok_or(stop)
}

/// What stands behind the question mark of a request.
struct Query<'a> {
    text: &'a [u8],
    /// Its end was seen, or it is too long to be believed.
    is_whole: bool,
}

fn query(bytes: &[u8]) -> Result<Query<'_>, Stop> {
    let mut reader = Reader::stream(bytes);
    reader.literal(b"GET ")?;
    let line = reader.rest().get(..REQUEST_MAX).unwrap_or(reader.rest());
    let end = line.iter().position(|byte| byte.is_ascii_whitespace());
    let target = end.and_then(|end| line.get(..end)).unwrap_or(line);
    let text = target.splitn(2, |&byte| byte == b'?').nth(1).unwrap_or_default();
    Ok(Query { text, is_whole: end.is_some() || line.len() >= REQUEST_MAX })
}

impl<'a> Query<'a> {
    fn parameters(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.text.split(|&byte| byte == b'&')
    }
}

/// Where a client that announces itself listens: `port`, and other addresses of its own (BEP 7
/// `ipv4` and `ipv6`), which stand there alone or with a port.
pub fn teach_request(bytes: &[u8], notes: &mut Notes<'_>) {
    let Ok(query) = query(bytes) else { return };
    // A value at the end of what is there may go on.
    let whole = query.parameters().count().saturating_sub(usize::from(!query.is_whole));
    let parameters = || query.parameters().take(whole);
    if !parameters().any(|parameter| parameter.starts_with(b"info_hash=")) {
        return;
    }
    let value = |name: &[u8]| parameters().find_map(|parameter| parameter.strip_prefix(name));
    let port = value(b"port=").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let Some(port) = port else { return };
    notes.listens(port);
    for name in [&b"ipv4="[..], b"ipv6="] {
        let Some(text) = value(name).and_then(percent_text) else { continue };
        if let Ok(end) = text.parse::<SocketAddr>() {
            notes.peer(end.ip(), end.port());
        } else if let Ok(addr) = text.parse::<IpAddr>() {
            notes.peer(addr, port);
        }
    }
}

/// The tracker's name in the request's Host field, as far as the head is there.
pub fn host(bytes: &[u8]) -> Option<Box<str>> {
    let head = bytes.get(..REQUEST_MAX).unwrap_or(bytes);
    let lines = head.split_inclusive(|&byte| byte == b'\n').skip(1);
    // A line without its end may be a part of a name.
    let mut lines = lines.take_while(|line| line.ends_with(b"\r\n") && line.len() > 2);
    let field =
        lines.find(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"host:")))?;
    host_name(field.get(5..)?.strip_suffix(b"\r\n")?)
}

/// The next byte out of percent-encoding (RFC 3986 section 2.1).
fn percent_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&first, tail) = rest.split_first()?;
    let (byte, tail) = match first {
        b'%' => tail
            .split_at_checked(2)
            .and_then(|(pair, tail)| Some((super::hex_byte(pair)?, tail)))?,
        plain => (plain, tail),
    };
    *rest = tail;
    Some(byte)
}

/// Exactly 20 bytes out of percent-encoding.
fn percent_hash(text: &[u8]) -> Option<[u8; 20]> {
    let mut rest = text;
    let mut hash = [0; 20];
    for byte in &mut hash {
        *byte = percent_byte(&mut rest)?;
    }
    rest.is_empty().then_some(hash)
}

/// The text of an address out of percent-encoding.
fn percent_text(text: &[u8]) -> Option<String> {
    let mut rest = text.get(..ADDRESS_MAX).unwrap_or(text);
    let mut bytes = Vec::new();
    while !rest.is_empty() {
        bytes.push(percent_byte(&mut rest)?);
    }
    String::from_utf8(bytes).ok()
}

/// How a tracker's dictionary begins. Keys are sorted, so one of these stands first.
const BODY_OPENINGS: [&[u8]; 8] = [
    b"d8:completei",
    b"d8:intervali",
    b"d10:downloadedi",
    b"d10:incompletei",
    b"d12:min intervali",
    b"d14:failure reason",
    b"d5:filesd20:",
    b"d11:external ip",
];

/// What stands behind the head, and behind the length of the first chunk if it is sent in chunks.
fn body(bytes: &[u8]) -> Result<&[u8], Stop> {
    let mut reader = Reader::stream(bytes.get(..HEAD_MAX).unwrap_or(bytes));
    reader.literal(b"HTTP/1.")?;
    if reader.until(b"\r\n\r\n").is_err() {
        return Err(if bytes.len() < HEAD_MAX { Stop::NeedMore } else { Stop::NotMine });
    }
    let head = bytes.len().saturating_sub(reader.len());
    let body = bytes.get(head..).unwrap_or_default();
    let digits = body.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match body.get(digits..) {
        Some([b'\r', b'\n', data @ ..]) if digits > 0 => Ok(data),
        // The length of a chunk that is not whole, or the `d` of a body: nothing yet.
        Some([] | [b'\r']) if digits < 8 => Err(Stop::NeedMore),
        _ => Ok(body),
    }
}

fn response(bytes: &[u8]) -> Result<(), Stop> {
    let body = body(bytes)?;
    for opening in BODY_OPENINGS {
        let seen = body.len().min(opening.len());
        if body.get(..seen) != opening.get(..seen) {
            continue;
        }
        if seen < opening.len() {
            return Err(Stop::NeedMore);
        }
        // As far as it is there it must be bencoding.
        return match bencode::skip(&mut Reader::stream(body)) {
            Err(Stop::NotMine) => Err(Stop::NotMine),
            _ => Ok(()),
        };
    }
    Err(Stop::NotMine)
}

/// Peers in a tracker's answer (BEP 3, BEP 23, `peers6` of BEP 7), as far as they stand in this
/// segment: behind the head, or at the start of the next if the head came alone. A list that goes
/// on in later segments teaches its first part.
pub fn teach_response(bytes: &[u8], notes: &mut Notes<'_>) {
    let body = if bytes.first() == Some(&b'd') { Ok(bytes) } else { body(bytes) };
    bencode::dict_head(&mut Reader::stream(body.unwrap_or_default()), |key, mut value| match key {
        b"peers" if value.peek() == Some(b'l') => listed(&mut value, notes),
        b"peers" => notes.compact_v4(bencode::bytes_head(&mut value).unwrap_or_default()),
        b"peers6" => notes.compact_v6(bencode::bytes_head(&mut value).unwrap_or_default()),
        _ => {}
    });
}

/// A list of dictionaries with `ip` and `port` (BEP 3 "peers"). An `ip` may be a name: not learned.
fn listed(reader: &mut Reader<'_>, notes: &mut Notes<'_>) {
    if bencode::token(reader) != Ok(Token::List) {
        return;
    }
    while reader.peek() == Some(b'd') {
        let (mut addr, mut port) = (None, None);
        bencode::dict_head(&mut reader.clone(), |key, mut value| match key {
            b"ip" => {
                let text = bencode::bytes(&mut value).ok();
                addr = text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            }
            b"port" => port = bencode::port(&mut value),
            _ => {}
        });
        if let (Some(addr), Some(port)) = (addr, port) {
            notes.peer(addr, port);
        }
        if bencode::skip(reader).is_err() {
            return;
        }
    }
}

/// The connection id that opens every exchange (BEP 15 "Connect").
const MAGIC: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;
/// IPv4 announce request without BEP 41 options.
const ANNOUNCE_BYTES: usize = 98;
/// Torrents of one scrape request (BEP 15 "Scrape request").
const SCRAPE_TORRENTS_MAX: usize = 74;
/// Nobody asks for more peers.
const NUM_WANT_MAX: u32 = 5000;

/// What a flow of datagrams shows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// From an announce request.
    pub info_hash: Option<[u8; 20]>,
}

/// Evidence asked for, any one of:
///
/// * a connect request: the 64-bit constant, action 0, 16 bytes in all: 2^-96 by chance;
/// * an announce request: action 1, event at most 3, a sane number of peers wanted, neither
///   counter of bytes over 2^48 (32 + 30 + 19 + 32 bits), and either a peer id as clients write it
///   (`-XX1234-`, 2^-16 or less) or a response with the same transaction id (32 bits);
/// * a scrape request and its response: actions 2 (64 bits), the same transaction id (32 bits), and
///   lengths that say the same number of torrents.
pub fn exchange(prefix: &Prefix<'_>) -> Result<Exchange, Stop> {
    let (mut certain, mut info_hash, mut asked) = (false, None, None);
    let mut stop = Stop::NotMine;
    for datagram in prefix.datagrams() {
        let bytes = datagram.bytes;
        if is_connect(bytes) {
            certain = true;
        } else if let Some(announce) = announce(bytes) {
            certain |= announce.styled;
            info_hash = info_hash.or(Some(announce.info_hash));
            asked = Some((datagram.direction, announce.transaction, None));
            stop = Stop::NeedMore;
        } else if let Some((transaction, torrents)) = scrape(bytes) {
            asked = Some((datagram.direction, transaction, Some(torrents)));
            stop = Stop::NeedMore;
        } else if let Some((direction, transaction, torrents)) = asked {
            let fits = match be_u32_at(bytes, 0) {
                ANNOUNCE => torrents.is_none(),
                SCRAPE => torrents.is_some_and(|torrents| {
                    bytes.len() == torrents.saturating_mul(12).saturating_add(8)
                }),
                ERROR => true,
                _ => false,
            };
            certain |= direction != datagram.direction
                && bytes.len() >= 8
                && fits
                && be_u32_at(bytes, 4) == transaction;
        }
    }
    if certain { Ok(Exchange { info_hash }) } else { Err(stop) }
}

/// A scrape request (BEP 15): its transaction id and how many torrents it asks about.
fn scrape(bytes: &[u8]) -> Option<(u32, usize)> {
    let hashes = bytes.get(16..).filter(|_| be_u32_at(bytes, 8) == SCRAPE)?;
    let torrents = hashes.len() / 20;
    let whole = hashes.len().is_multiple_of(20) && (1..=SCRAPE_TORRENTS_MAX).contains(&torrents);
    whole.then(|| (be_u32_at(bytes, 12), torrents))
}

/// Longest time between announces that a tracker asks for, in seconds.
const INTERVAL_MAX: u32 = 7 * 24 * 3600;

/// In a flow that is BitTorrent: the port in an announce (the sender's), and the endpoints in the
/// answer to one, which has the form of the flow's family (BEP 15 "IPv4 announce response" and the
/// same of IPv6).
pub fn teach_datagram(bytes: &[u8], notes: &mut Notes<'_>) {
    if announce(bytes).is_some() {
        return notes.listens(be_u16_at(bytes, 96));
    }
    let is_answer = bytes.len() >= 20
        && be_u32_at(bytes, 0) == ANNOUNCE
        && (1..=INTERVAL_MAX).contains(&be_u32_at(bytes, 8));
    let list = bytes.get(20..).unwrap_or_default();
    match notes.is_v6() {
        true if is_answer && list.len().is_multiple_of(18) => notes.compact_v6(list),
        false if is_answer && list.len().is_multiple_of(6) => notes.compact_v4(list),
        _ => {}
    }
}

fn is_connect(bytes: &[u8]) -> bool {
    let mut reader = Reader::datagram(bytes);
    bytes.len() == 16 && reader.u64() == Ok(MAGIC) && reader.u32() == Ok(CONNECT)
}

struct Announce {
    transaction: u32,
    info_hash: [u8; 20],
    /// The peer id has the form of a client's name (BEP 20).
    styled: bool,
}

/// Offsets of BEP 15 "IPv4 announce request".
fn announce(bytes: &[u8]) -> Option<Announce> {
    if bytes.len() < ANNOUNCE_BYTES || be_u32_at(bytes, 8) != ANNOUNCE {
        return None;
    }
    let wanted = be_u32_at(bytes, 92);
    let sane = be_u32_at(bytes, 80) <= 3
        && (wanted == u32::MAX || wanted <= NUM_WANT_MAX)
        // `left` may be anything: a magnet link has no size yet.
        && [56, 72].into_iter().all(|counter| be_u16_at(bytes, counter) == 0);
    if !sane {
        return None;
    }
    let peer_id = bytes.get(36..56)?;
    let styled = matches!(peer_id, [b'-', a, b, c, d, e, f, b'-', ..]
        if [a, b, c, d, e, f].iter().all(|byte| byte.is_ascii_alphanumeric() || **byte == b'~'));
    Some(Announce {
        transaction: be_u32_at(bytes, 12),
        info_hash: bytes.get(16..36)?.try_into().ok()?,
        styled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp, udp};

    const HASH: &str = "%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A";

    #[test]
    fn http_requests_are_told_by_the_torrent_they_name() {
        let line = format!("GET /announce?peer_id=x&info_hash={HASH}&port=6881 HTTP/1.1\r\n\r\n");
        let hash = http(line.as_bytes()).unwrap().unwrap();
        assert_eq!(hash[..5], [0x12, 0x34, 0x56, 0x78, 0x9a]);
        tcp(40000, 80).original(line.as_bytes()).survives_as("BitTorrent", "HTTP");
        let named = line.replace("\r\n\r\n", "\r\nhost: T.example.org:6969\r\n\r\n");
        assert_eq!(host(named.as_bytes()).as_deref(), Some("t.example.org"));
        assert_eq!(host(&named.as_bytes()[..named.len() - 4]), None, "the name may go on");
        assert_eq!(host(line.as_bytes()), None);
        for other in [
            "GET /announce HTTP/1.1\r\n\r\n",
            "GET /scrape?info_hash=short HTTP/1.1\r\n\r\n",
            "GET /?q=info_hash HTTP/1.1\r\n\r\n",
            "POST /announce?info_hash= HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(http(other.as_bytes()), Err(Stop::NotMine), "{other}");
        }
        assert_eq!(http(b"GET /announce?info_h"), Err(Stop::NeedMore));
        assert_eq!(http(&[b'G'; 5000]), Err(Stop::NotMine));
        let long = join(&[b"GET /", &[b'a'; 5000]]);
        assert_eq!(http(&long), Err(Stop::NotMine));
    }

    #[test]
    fn http_responses_are_told_by_their_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        let body =
            b"d8:completei5e10:incompletei1e8:intervali1800e5:peers6:\x01\x02\x03\x04\x1a\xe1e";
        tcp(80, 40000).midway().original(join(&[head, body])).survives_as("BitTorrent", "HTTP");
        assert_eq!(http(&join(&[head, b"d8:comp"])), Err(Stop::NeedMore));
        assert_eq!(http(&join(&[head, b"<html>"])), Err(Stop::NotMine));
        assert_eq!(http(&join(&[head, b"d8:completeixe"])), Err(Stop::NotMine));
    }

    fn request(peer_id: &[u8; 20]) -> Vec<u8> {
        let mut request = hex("0102030405060708 00000001 cafe0001");
        request.extend_from_slice(b"mnopqrstuvwxyz123456");
        request.extend_from_slice(peer_id);
        request.extend(hex(
            "0000000000000000 0000000000100000 0000000000000000 00000002 00000000 11223344 \
             ffffffff 1ae1",
        ));
        request
    }

    #[test]
    fn udp_needs_the_magic_or_an_announcement_that_somebody_answers() {
        let connect = hex("0000041727101980 00000000 cafe0000");
        udp(6881, 1337).original(&connect).survives("BitTorrent");
        udp(6881, 1337).original(join(&[&connect, b"x"])).is_nobodys();
        let announce = request(b"-XX0001-abcdefghijkl");
        udp(6881, 1337).original(&announce).survives("BitTorrent");
        let odd = request(b"abcdefghijklmnopqrst");
        udp(6881, 1337).original(&odd).is_nobodys();
        let answer = hex("00000001 cafe0001 00000708 00000001 00000005 0a000001 1ae1");
        udp(6881, 1337).original(&odd).reply(&answer).survives("BitTorrent");
        udp(6881, 1337).original(&odd).reply(&answer[..7]).is_nobodys();
        let foreign = hex("00000001 cafe0002 00000708 00000001 00000005 0a000001 1ae1");
        udp(6881, 1337).original(&odd).reply(foreign).is_nobodys();
    }

    #[test]
    fn scrapes_are_told_once_answered() {
        let line = format!("GET /scrape?info_hash={HASH} HTTP/1.1\r\n\r\n");
        tcp(40000, 80).original(line.as_bytes()).survives_as("BitTorrent", "HTTP");
        let answer = b"HTTP/1.1 200 OK\r\n\r\nd5:filesd20:mnopqrstuvwxyz123456d8:completei5eeee";
        tcp(80, 40000).midway().original(answer).survives_as("BitTorrent", "HTTP");
        let request = join(&[&hex("0102030405060708 00000002 cafe0003"), &[7; 40]]);
        let answer = join(&[&hex("00000002 cafe0003"), &[0; 24]]);
        udp(6881, 1337).original(&request).is_nobodys();
        udp(6881, 1337).original(&request).reply(&answer).survives("BitTorrent");
        udp(6881, 1337).original(&request).reply(&answer[..20]).is_nobodys();
        let failure = join(&[&hex("00000003 cafe0003"), b"no"]);
        udp(6881, 1337).original(&request).reply(&failure).survives("BitTorrent");
    }
}
