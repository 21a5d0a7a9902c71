//! QUIC: the client's hello out of its Initial packets, RFC 9000 and RFC 9001, and Google's
//! versions before. In mid-stream it is recognized on its own port.

mod crypto;
mod gquic;
mod hkdf;
mod keys;
mod packet;
mod short;
mod version;

use std::rc::Rc;

use self::crypto::Assembly;
use self::keys::ClientKeys;
use self::packet::{Initial, Long};
use self::version::Version;
use super::tls::{CLIENT_HELLO, Carrier, ClientHello, TLS_1_3, ja4};
use super::{Dissector, Question};
use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Protocol};
use crate::net::{Direction, Transport};
use crate::prefix::{Prefix, Wants};

/// QUIC, whatever it carries.
pub static PROTOCOL: Protocol =
    Protocol { id: 188, name: "QUIC", category: "web", ports: &[(Transport::Udp, 443)] };
/// DNS over QUIC, RFC 9250.
pub static DOQ: Protocol =
    Protocol { id: 261, name: "DoQ", category: "infrastructure", ports: &[(Transport::Udp, 853)] };

/// QUIC over UDP.
pub static QUIC: Dissector = Dissector {
    name: "quic",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL, &DOQ],
    question: Question::Facts(dissect),
    teach: None,
};

/// Packets opened per call; a hello spans two or three.
const OPENED_MAX: u32 = 8;
/// Keys made per call: the first, and after Retry or a lost first packet another; one to spare.
const KEYS_MAX: u32 = 3;
/// Packets that may share a datagram: one per encryption level, with room for oddities.
const COALESCED_MAX: usize = 6;
/// The shortest identifier a client may choose for its first packet, RFC 9000 section 7.2.
const CLIENT_DCID_MIN: usize = 8;
/// Datagrams with a client's Initial are at least this long, RFC 9000 section 14.1.
const INITIAL_DATAGRAM_MIN: usize = 1200;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    // Long headers start with a set bit, Google's old ones with few; most other UDP ends here.
    let (mut known, mut maybe, mut opener) = (None, false, Opener::new(prefix.wants));
    for datagram in prefix.datagrams() {
        if let Ok((version, rest)) = gquic::version(datagram.bytes) {
            known = known.or(Some(version));
            match gquic::packet_host(rest) {
                Err(Stop::NeedMore) => continue,
                host => return Ok(google(version, host?)),
            }
        }
        let mut reader = Reader::datagram(datagram.bytes);
        for _ in 0..COALESCED_MAX {
            match Long::parse(&mut reader) {
                Ok(Long::Initial(packet)) => {
                    known = known.or(Some(packet.version.number));
                    if let Some(facts) = opener.add(&packet, datagram.direction)? {
                        return Ok(facts);
                    }
                }
                Ok(Long::Closed(version)) => known = known.or(Some(version)),
                Ok(Long::Negotiation) => maybe = true,
                Ok(Long::Grease) => maybe |= datagram.bytes.len() >= INITIAL_DATAGRAM_MIN,
                Err(_) => break,
            }
        }
    }
    match known {
        None if !maybe => short::is_mid_stream(prefix).map(|()| Facts::of(&PROTOCOL)),
        _ if !prefix.last_call => Err(Stop::NeedMore),
        None => Err(Stop::NotMine),
        Some(version) => Ok(opener.cut_hello().unwrap_or_else(|| plain(version))),
    }
}

/// Facts with nothing but the version.
fn plain(version: u32) -> Facts {
    Facts { details: vec![Detail::QuicVersion(version)].into(), ..Facts::of(&PROTOCOL) }
}

fn google(version: u32, host: Option<Box<str>>) -> Facts {
    Facts { host, ..plain(version) }
}

/// Opens the client's Initial packets one after the other.
struct Opener {
    wants: Wants,
    assembly: Assembly,
    keys: Option<Rc<ClientKeys>>,
    /// What the keys were made of; after Version Negotiation a client may keep its identifier.
    origin: (u32, Vec<u8>),
    /// The side whose packets opened, and their version.
    client: Option<(Direction, Version)>,
    opened: u32,
    derived: u32,
}

impl Opener {
    fn new(wants: Wants) -> Self {
        let (assembly, origin) = (Assembly::default(), (0, Vec::new()));
        Opener { wants, assembly, keys: None, origin, client: None, opened: 0, derived: 0 }
    }

    /// Takes one more Initial; facts as soon as the hello is whole.
    fn add(&mut self, packet: &Initial<'_>, sender: Direction) -> Result<Option<Facts>, Stop> {
        if self.client.is_some_and(|(client, _)| client != sender) {
            return Ok(None); // the server's: other keys, and nothing in it that we look for
        }
        // Later packets of the client carry the server's identifier, but the keys stay
        // (RFC 9001 section 5.2) unless a Retry came between: then the new identifier counts.
        if !self.open(packet, sender) && self.derive(packet) {
            self.open(packet, sender);
        }
        hello(&self.assembly, packet.version, self.wants)
    }

    fn derive(&mut self, packet: &Initial<'_>) -> bool {
        let (version, dcid) = &self.origin;
        let tried = *version == packet.version.number && dcid == packet.dcid;
        if tried || packet.dcid.len() < CLIENT_DCID_MIN || self.derived >= KEYS_MAX {
            return false;
        }
        self.derived = self.derived.saturating_add(1);
        self.origin = (packet.version.number, packet.dcid.to_vec());
        self.keys = ClientKeys::remembered(&packet.version, packet.dcid);
        true
    }

    fn open(&mut self, packet: &Initial<'_>, sender: Direction) -> bool {
        let Some(keys) = self.keys.as_ref() else { return false };
        if self.opened >= OPENED_MAX {
            return false;
        }
        self.opened = self.opened.saturating_add(1);
        let version = packet.version;
        let opened = keys.open(packet).and_then(|mut payload| {
            crypto::read_frames(&mut payload, version.family, &mut self.assembly, |assembly| {
                !matches!(hello_length(assembly, version), Err(Stop::NeedMore))
            })
        });
        if self.client.is_some() {
            return opened.is_ok();
        }
        let strange = hello_length(&self.assembly, version) == Err(Stop::NotMine);
        if opened.is_err() || strange {
            self.assembly.clear(); // whatever the wrong keys brought forth
            return false;
        }
        if self.assembly.has_pieces() {
            self.client = Some((sender, version));
        }
        true
    }

    /// What there is of a hello whose rest never came.
    fn cut_hello(&self) -> Option<Facts> {
        let (_, version) = self.client?;
        let body = self.assembly.start().get(4..).filter(|_| version.tls)?;
        let hello = ClientHello::parse(body, false, Carrier::Quic).ok()?;
        Some(facts(&hello, version, self.wants))
    }
}

/// Length of the hello with its header; `NeedMore` unless all of it is there.
fn hello_length(assembly: &Assembly, version: Version) -> Result<usize, Stop> {
    let stream = assembly.start();
    if !version.tls {
        return gquic::hello_host(stream).map(|_| stream.len());
    }
    let mut reader = Reader::stream(stream);
    if reader.u8()? != CLIENT_HELLO {
        return Err(Stop::NotMine);
    }
    reader.sub_u24()?;
    Ok(stream.len().saturating_sub(reader.len()))
}

/// The facts of a whole hello.
fn hello(assembly: &Assembly, version: Version, wants: Wants) -> Result<Option<Facts>, Stop> {
    let length = match hello_length(assembly, version) {
        Err(Stop::NeedMore) => return Ok(None),
        length => length?,
    };
    if !version.tls {
        return Ok(Some(google(version.number, gquic::hello_host(assembly.start())?)));
    }
    let body = assembly.start().get(4..length).unwrap_or_default();
    let hello = ClientHello::parse(body, true, Carrier::Quic)?;
    Ok(Some(facts(&hello, version, wants)))
}

fn facts(hello: &ClientHello<'_>, version: Version, wants: Wants) -> Facts {
    let doq = hello.protocols().any(|name| name.starts_with(b"doq"));
    let mut facts = Facts::of(if doq { &DOQ } else { &PROTOCOL });
    facts.details.push(Detail::QuicVersion(version.number));
    // QUIC knows no other, RFC 9001 section 4.2.
    facts.details.push(Detail::TlsVersion(TLS_1_3));
    hello.tell(&mut facts);
    if wants.fingerprints {
        facts.details.extend(ja4(hello, Carrier::Quic).map(Detail::TlsJa4));
    }
    facts
}

#[cfg(test)]
mod tests;
