//! What dissection learned of a flow. No opinion: names of applications come later.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{Direction, Endpoint, Transport};

/// The longest host name kept, in bytes: RFC 1035 section 2.3.4 in text form.
pub const HOST_MAX: usize = 253;
/// The longest text of any other detail kept, in bytes.
pub const TEXT_MAX: usize = 256;

/// A protocol that can be told. Declared beside the dissector that tells it, and nowhere else.
#[derive(Debug)]
pub struct Protocol {
    /// Number of the public list (5.0.x ids); our own start at 50000 and never change.
    pub id: u16,
    /// Display name such as `HTTP/S`; comparison ignores case.
    pub name: &'static str,
    /// Tag of the protocol category, such as `web`.
    pub category: &'static str,
    /// Registered ports: they give a guess where nobody has an answer.
    pub ports: &'static [(Transport, u16)],
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Protocol {}

/// One more thing a flow's payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Negotiated version once the server answered, else the highest offered: 0x0303, 0x0304 ...
    TlsVersion(u16),
    /// The server's choice.
    TlsCipher(u16),
    /// Version of the encrypted_client_hello extension (0xfe0d), if the hello has one.
    TlsEch(u16),
    /// The client's ALPN list, joined by commas in its order.
    TlsAlpn(Text),
    /// The server's ALPN choice.
    TlsAlpnServer(Text),
    /// JA4 client fingerprint.
    TlsJa4(Box<str>),
    /// Common name of the server's certificate (up to TLS 1.2).
    TlsServerCn(Box<str>),
    /// Further hosts in the server's certificate, joined by commas, where the client asked for none:
    /// lower case, of a wildcard its domain.
    TlsServerNames(Box<str>),
    /// Issuer of the server's certificate.
    TlsIssuerDn(Box<str>),
    /// Subject of the server's certificate.
    TlsSubjectDn(Box<str>),
    /// An SMTP dialogue went over to TLS (RFC 3207).
    SmtpTls,
    /// Version field of the QUIC long header.
    QuicVersion(u32),
    /// Request target of the first HTTP request, with the host in front.
    HttpUrl(Box<str>),
    /// User-Agent of the first HTTP request.
    HttpUserAgent(Box<str>),
    /// Torrent identity, where it is visible (BEP 3).
    BtInfoHash([u8; 20]),
    /// Identification line of the SSH client.
    SshClient(Box<str>),
    /// Identification line of the SSH server.
    SshServer(Box<str>),
    /// Option 60 of DHCP.
    DhcpClass(Box<str>),
    /// Option 55 of DHCP as decimal numbers joined by commas.
    DhcpFingerprint(Box<str>),
    /// Name in an mDNS question or answer.
    MdnsName(Box<str>),
    /// Reflexive address in a STUN answer.
    StunMapped(Endpoint),
    /// Peer address of a TURN message.
    StunPeer(Endpoint),
    /// Relayed address in a TURN answer.
    StunRelayed(Endpoint),
    /// RESPONSE-ORIGIN of a STUN answer (SOURCE-ADDRESS of RFC 3489).
    StunResponse(Endpoint),
    /// OTHER-ADDRESS of a STUN answer (CHANGED-ADDRESS of RFC 3489).
    StunOther(Endpoint),
}

/// Several details, in one word. Those of most TLS connections are one of a few lists, which flows
/// can share.
#[derive(Debug, Clone, Default)]
pub struct Details(Option<Arc<Vec<Detail>>>);

impl Details {
    /// None.
    pub const fn new() -> Self {
        Details(None)
    }

    /// One more.
    pub fn push(&mut self, detail: Detail) {
        self.extend([detail]);
    }

    /// Some more.
    pub fn extend(&mut self, details: impl IntoIterator<Item = Detail>) {
        Arc::make_mut(self.0.get_or_insert_default()).extend(details);
    }

    /// What they are to be kept as: no larger than need be, and shared with earlier flows that have
    /// the same, as far as `known` goes.
    pub fn keep(&mut self, known: &mut KnownDetails) {
        let Some(list) = &mut self.0 else { return };
        let Some(own) = Arc::get_mut(list) else { return };
        let alike = own.len() <= SHARED_DETAILS_MAX && !own.iter().any(Detail::is_dear);
        if alike && let Some(shared) = known.lists.iter().find(|shared| ***shared == *own) {
            *list = Arc::clone(shared);
            return;
        }
        own.shrink_to_fit();
        if alike {
            known.note(list);
        }
    }
}

impl Deref for Details {
    type Target = [Detail];

    fn deref(&self) -> &[Detail] {
        self.0.as_ref().map_or(&[], |list| list.as_slice())
    }
}

impl From<Vec<Detail>> for Details {
    fn from(list: Vec<Detail>) -> Self {
        Details((!list.is_empty()).then(|| Arc::new(list)))
    }
}

impl<'d> IntoIterator for &'d Details {
    type Item = &'d Detail;
    type IntoIter = std::slice::Iter<'d, Detail>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Details {
    type Item = Detail;
    type IntoIter = std::vec::IntoIter<Detail>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter()
    }
}

#[cfg(test)]
impl<const N: usize> PartialEq<[Detail; N]> for Details {
    fn eq(&self, other: &[Detail; N]) -> bool {
        **self == *other
    }
}

#[cfg(test)]
impl PartialEq<Vec<Detail>> for Details {
    fn eq(&self, other: &Vec<Detail>) -> bool {
        **self == **other
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Details {}

impl Detail {
    /// Whether it takes memory of its own, as what differs from flow to flow does.
    fn is_dear(&self) -> bool {
        match self {
            Detail::TlsVersion(_) | Detail::TlsCipher(_) | Detail::TlsEch(_) => false,
            Detail::QuicVersion(_) => false,
            Detail::TlsAlpn(text) | Detail::TlsAlpnServer(text) => matches!(text, Text::Own(_)),
            _ => true,
        }
    }
}

/// Longest list that is shared.
const SHARED_DETAILS_MAX: usize = 8;
/// Lists that are remembered: versions, ciphers and protocols of the clients and servers in a house.
const KNOWN_DETAILS_MAX: usize = 16;

/// Lists of details that flows share.
#[derive(Debug, Default)]
pub struct KnownDetails {
    lists: Vec<Arc<Vec<Detail>>>,
    next: usize,
}

impl KnownDetails {
    /// Remembers a list, in place of the oldest if there are many.
    fn note(&mut self, list: &Arc<Vec<Detail>>) {
        match self.lists.get_mut(self.next) {
            Some(old) => *old = Arc::clone(list),
            None => self.lists.push(Arc::clone(list)),
        }
        self.next = self.next.saturating_add(1);
        if self.next >= KNOWN_DETAILS_MAX {
            self.next = 0;
        }
    }
}

/// A text that is often one of a few, which take no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// One of those.
    Common(&'static &'static str),
    /// Any other.
    Own(Box<str>),
}

/// What browsers, their libraries and curl offer: nearly every hello has one of these.
static COMMON: &[&str] =
    &["h2,http/1.1", "h2", "h3", "http/1.1", "http/1.1,http/1.0", "h2,http/1.1,http/1.0"];

impl Text {
    /// A list joined by commas, as [`bounded_text`] writes it.
    pub fn joined<'a, I: Iterator<Item = &'a [u8]>>(names: impl Fn() -> I) -> Self {
        if let Some(text) = COMMON.iter().find(|text| is_joined(text.as_bytes(), names())) {
            return Text::Common(text);
        }
        let mut list = Vec::new();
        for name in names() {
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(name);
        }
        bounded_text(&list).into()
    }
}

/// Whether `text` is those names with commas between.
fn is_joined<'a>(text: &[u8], names: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut rest = Some(text);
    for (number, name) in names.enumerate() {
        rest = rest.and_then(|rest| if number == 0 { Some(rest) } else { rest.strip_prefix(b",") });
        rest = rest.and_then(|rest| rest.strip_prefix(name));
        if rest.is_none() {
            return false;
        }
    }
    rest == Some(&[])
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        COMMON.iter().find(|common| ***common == *text).map_or(Text::Own(text), Text::Common)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        COMMON
            .iter()
            .find(|common| **common == text)
            .map_or_else(|| Text::Own(text.into()), Text::Common)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Common(text) => text,
            Text::Own(text) => text,
        }
    }
}

/// What one flow teaches about others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// A DNS answer: whoever asked for `name` will talk to `addr`. The asked name, not an alias.
    Answer {
        /// The name in the question, lower case, no final dot.
        name: Box<str>,
        /// An address among the answers.
        addr: IpAddr,
        /// How long the answer holds.
        ttl: Duration,
    },
    /// An endpoint that takes part in BitTorrent, as a DHT answer, a tracker, a peer list (PEX) or a
    /// local announcement says.
    Peer(Endpoint),
    /// The side that sends in this direction accepts BitTorrent peers at that port (the `p` of an
    /// extension handshake, the port of an announce, a DHT `port` message).
    Listens {
        /// Whose port it is.
        side: Direction,
        /// TCP and UDP alike: clients use one number for both.
        port: u16,
    },
}

/// What the name of a flow rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certainty {
    /// Bytes that only this protocol has.
    #[default]
    Content,
    /// Shape, order and randomness of the first bytes of both directions. Other protocols can look
    /// so: the engine accepts it only with what it knows of the host.
    Shape,
    /// Less: the same of one direction alone, or of both without what tells it from others.
    HalfShape,
}

/// What a dissector returns when the flow is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What is spoken.
    pub protocol: &'static Protocol,
    /// The name the flow is for, by its own payload: lower case, no final dot.
    pub host: Option<Box<str>>,
    /// Everything else, in the order it was found.
    pub details: Details,
    /// More of the flow may add to these facts (a ServerHello, say): ask again.
    pub pending: bool,
    /// What the name rests on.
    pub certainty: Certainty,
}

impl Facts {
    /// Facts with nothing but the protocol.
    pub const fn of(protocol: &'static Protocol) -> Self {
        Facts {
            protocol,
            host: None,
            details: Details::new(),
            pending: false,
            certainty: Certainty::Content,
        }
    }

    /// The host, unless it is only the public name in front of an encrypted hello. Most hellos with
    /// the extension have a host of their own: browsers send it filled with noise everywhere.
    pub fn own_host(&self) -> Option<&str> {
        let host = self.host.as_deref()?;
        let covers = PUBLIC_NAMES.contains(&host)
            && self.details.iter().any(|detail| matches!(detail, Detail::TlsEch(_)));
        (!covers).then_some(host)
    }

    /// What the server's certificate says that the flow is for: the best there is where neither the
    /// client nor a DNS answer says it. Of a wildcard its domain.
    pub fn certified_host(&self) -> Option<Box<str>> {
        let name = self.details.iter().find_map(|detail| match detail {
            Detail::TlsServerCn(name) => Some(&**name),
            _ => None,
        })?;
        let name = name.strip_prefix("*.").unwrap_or(name);
        // Certificates of devices have all kinds of texts for a name.
        if name.contains('.') { host_name(name.as_bytes()) } else { None }
    }
}

/// Outer names of encrypted hellos (RFC 9849 section 6.1), which stand for thousands of hosts: that
/// of Cloudflare's customers, and those of two public test sites.
const PUBLIC_NAMES: &[&str] = &["cloudflare-ech.com", "cover.defo.ie", "public.tls-ech.dev"];

/// A host name as criteria and the catalogue compare it: lower case, without a port or final dots.
/// `None` unless it is made of letters, digits, `-`, `_`, `.` and visible characters beyond ASCII
/// (IDN is A-labels on the wire, but raw UTF-8 is seen), or if it is an empty or over-long name.
pub fn host_name(bytes: &[u8]) -> Option<Box<str>> {
    if is_plain(bytes) {
        return std::str::from_utf8(bytes).ok().map(Into::into); // nearly always
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(' ');
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => text,
    };
    let name = name.trim_end_matches('.');
    if name.is_empty() || name.len() > HOST_MAX {
        return None;
    }
    if name.is_ascii() {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        return name.bytes().all(legal).then(|| name.to_ascii_lowercase().into_boxed_str());
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || is_visible(c);
    let name = name.chars().all(legal).then(|| name.to_lowercase().into_boxed_str());
    name.filter(|name| name.len() <= HOST_MAX) // a few capitals are shorter than their small letter
}

/// Which bytes a name in its one spelling is made of: a look is cheaper than comparisons.
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let (mut rest, mut byte) = (table.as_mut_slice(), 0_u8);
    while let Some((entry, others)) = rest.split_first_mut() {
        *entry = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
        byte = byte.wrapping_add(1);
        rest = others;
    }
    table
};

/// Whether a name is in its one spelling already.
fn is_plain(name: &[u8]) -> bool {
    let legal = |byte: &u8| PLAIN.get(usize::from(*byte)) == Some(&true);
    (1..=HOST_MAX).contains(&name.len()) && name.iter().all(legal) && name.last() != Some(&b'.')
}

/// Whether a character beyond ASCII may stand in a name that people see in logs and on terminals:
/// no C1 control, no space, nothing that hides or turns its neighbours (Unicode's format
/// characters that are in use: zero width, direction, byte order mark).
fn is_visible(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !hides
}

/// A text detail: control characters become `?`, bytes that are no UTF-8 the replacement
/// character, and what is longer than [`TEXT_MAX`] is cut.
pub fn bounded_text(bytes: &[u8]) -> Box<str> {
    bounded_texts(&[bytes])
}

/// The same of several parts, one behind the other.
pub fn bounded_texts(parts: &[&[u8]]) -> Box<str> {
    let mut bytes = parts.concat();
    bytes.truncate(TEXT_MAX);
    let is_clean = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match String::from_utf8(bytes) {
        Ok(text) if is_clean => text.into(), // nearly always
        Ok(text) => printable(&text),
        Err(error) => printable(&String::from_utf8_lossy(error.as_bytes())),
    }
}

fn printable(text: &str) -> Box<str> {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>().into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_one_spelling() {
        for (wire, name) in [
            (&b"WWW.Example.ORG."[..], Some("www.example.org")),
            (b"example.org:8080", Some("example.org")),
            (b" example.org ", Some("example.org")),
            (b"_service._tcp.local", Some("_service._tcp.local")),
            (b"example.org...", Some("example.org")),
            ("b\u{dc}cher.example".as_bytes(), Some("b\u{fc}cher.example")),
            ("a\u{9b}31m.example".as_bytes(), None),
            ("a\u{202e}b.example".as_bytes(), None),
            ("a\u{a0}b.example".as_bytes(), None),
            (b"", None),
            (b".", None),
            (b"a b", None),
            (b"a\0b", None),
            (b"\xff\xfe", None),
            (b"[2001:db8::1]:80", None),
        ] {
            assert_eq!(host_name(wire).as_deref(), name, "{wire:?}");
        }
        assert_eq!(host_name(&[b'a'; 254]), None);
        let grows = "\u{23a}".repeat(126); // two bytes each, three in lower case
        assert_eq!(host_name(grows.as_bytes()), None);
    }

    #[test]
    fn a_public_name_is_no_host_of_its_own() {
        static TLS: Protocol = Protocol { id: 91, name: "TLS", category: "networking", ports: &[] };
        let facts = |host: &str, details: Vec<Detail>| Facts {
            host: host_name(host.as_bytes()),
            details: details.into(),
            ..Facts::of(&TLS)
        };
        let ech = || vec![Detail::TlsEch(0xfe0d)];
        assert_eq!(facts("cloudflare-ech.com", ech()).own_host(), None);
        assert_eq!(facts("cloudflare-ech.com", vec![]).own_host(), Some("cloudflare-ech.com"));
        assert_eq!(facts("www.example.org", ech()).own_host(), Some("www.example.org"));
        for (name, host) in [
            ("WWW.example.org", Some("www.example.org")),
            ("*.example.org", Some("example.org")),
            ("www.*.example.org", None),
            ("Some Device 7.1", None),
            ("router", None),
        ] {
            let certified = facts("", vec![Detail::TlsServerCn(name.into())]).certified_host();
            assert_eq!(certified.as_deref(), host, "{name}");
        }
    }

    #[test]
    fn a_common_text_is_what_it_says() {
        for text in COMMON.iter().copied().chain(["h2,spdy/3.1", ""]) {
            let (one, other) = (Text::from(text), Text::from(Box::<str>::from(text)));
            assert_eq!((&*one, &one), (text, &other));
            assert_eq!(matches!(one, Text::Common(_)), COMMON.contains(&text));
        }
        let others = size_of::<(u64, Box<str>)>().max(size_of::<(u32, Endpoint)>());
        assert_eq!(size_of::<Detail>(), others, "no larger for it");
    }

    #[test]
    fn lists_that_are_the_same_are_kept_once() {
        let mut known = KnownDetails::default();
        let list = |version| vec![Detail::TlsVersion(version), Detail::TlsAlpn("h2".into())];
        let kept = |known: &mut KnownDetails, list: Vec<Detail>| {
            let mut details = Details::from(list.clone());
            details.keep(known);
            assert_eq!(*details, list);
            details
        };
        let (one, other) = (kept(&mut known, list(1)), kept(&mut known, list(1)));
        let owners = |details: &Details| details.0.as_ref().map_or(0, Arc::strong_count);
        assert_eq!(owners(&one), 3, "both, and what is known");
        assert_eq!(owners(&other), 3);
        // What is added later is added to this one alone.
        let mut more = one.clone();
        more.push(Detail::TlsCipher(7));
        assert_eq!((more.len(), one.len(), &*other), (3, 2, &list(1)[..]));
        assert_eq!(owners(&kept(&mut known, vec![Detail::TlsJa4("x".into())])), 1, "its own");
        assert!(size_of::<Facts>() <= 5 * size_of::<usize>(), "one word for all");
        for version in 0..1000 {
            kept(&mut known, list(version));
        }
        assert_eq!(known.lists.len(), KNOWN_DETAILS_MAX);
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        assert_eq!(&*bounded_text(b"a\r\nb"), "a??b");
        assert_eq!(bounded_text(&[b'x'; 1000]).len(), TEXT_MAX);
    }
}
