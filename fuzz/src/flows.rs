//! Dissectors, as the engine asks them: the first packet alone, then all that was gathered.
//!
//! Input: a byte of [`FROM_START`] and the like, two ports, then chunks. A chunk has two bytes in
//! front: direction (15th bit), a second passes before it (14th), its length (the rest).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nfa::bytes::Stop;
use nfa::dissect::{ALL, Dissector};
use nfa::facts::{Detail, Facts, HOST_MAX};
use nfa::net::{Direction, Endpoint, Transport};
use nfa::prefix::{CHUNKS_MAX, Chunk, Gathered, Prefix, SIDE_BYTES_MAX};
use nfa::time::Timestamp;

use super::input::Input;

/// TCP: the connection's opening was seen.
const FROM_START: u8 = 0x10;
/// IPv6 rather than IPv4.
const V6: u8 = 0x20;
/// The destination is a multicast group.
const MULTICAST: u8 = 0x40;
/// Most chunks of one input.
const MOST_CHUNKS: usize = 48;
/// Most lessons and details that a packet is worth: a full DNS answer has fewer.
const MOST_LESSONS: usize = 1024;
const MOST_DETAILS: usize = 32;
/// Longest text of a detail, in bytes: what is cut at 256 may have grown by replacement.
const MOST_TEXT: usize = 3 * 256;

/// The first byte says which dissector.
pub fn any(data: &[u8]) {
    let mut input = Input(data);
    let number = usize::from(input.u8()) % ALL.len();
    ask(ALL[number], input);
}

/// The dissector of that name.
pub fn one(name: &str, data: &[u8]) {
    let dissector = ALL.iter().find(|dissector| dissector.name == name);
    ask(dissector.unwrap_or_else(|| panic!("no dissector {name}")), Input(data));
}

fn ask(dissector: &Dissector, mut input: Input<'_>) {
    let flags = input.u8();
    let transport = dissector.over[usize::from(flags & 0x0f) % dissector.over.len()];
    let ends = ends(flags, [input.u16(), input.u16()]);
    let mut gathered = Gathered::default();
    let from_start = transport != Transport::Tcp || flags & FROM_START != 0;
    if transport == Transport::Tcp && from_start {
        gathered.open(Direction::Original, u32::MAX);
        gathered.open(Direction::Reply, u32::MAX);
    }
    let mut sent = [0_u32; 2];
    let mut at = Timestamp::from_micros(1_000_000);
    for number in 0..MOST_CHUNKS {
        if input.is_empty() {
            break;
        }
        let head = input.u16();
        let direction = if head & 0x8000 == 0 { Direction::Original } else { Direction::Reply };
        at = at.after(Duration::from_millis(if head & 0x4000 == 0 { 1 } else { 1000 }));
        let bytes = input.take(usize::from(head & 0x3fff));
        // As the engine does it: a packet without payload is not looked at, but of other transports.
        if bytes.is_empty() && matches!(transport, Transport::Tcp | Transport::Udp) {
            continue;
        }
        let chunk = [Chunk { direction, at, start: 0, len: bytes.len() }];
        let alone = match direction {
            Direction::Original => [bytes, &[]],
            Direction::Reply => [&[], bytes],
        };
        let mut alone = Prefix::new(transport, ends, alone, &chunk);
        alone.from_start = from_start;
        if let Some(teach) = dissector.teach {
            let mut lessons = Vec::new();
            teach(&alone, &mut lessons);
            assert!(lessons.len() <= MOST_LESSONS, "{} lessons", lessons.len());
        }
        let sequence = &mut sent[direction.index()];
        if transport == Transport::Tcp {
            gathered.segment(direction, at, *sequence, bytes);
        } else {
            gathered.datagram(direction, at, bytes);
        }
        *sequence = sequence.wrapping_add(u32::try_from(bytes.len()).unwrap());
        let mut prefix = gathered.view(transport, ends);
        let answer = dissector.dissect(&prefix);
        if number == 0 && bytes.len() <= SIDE_BYTES_MAX {
            let first = dissector.dissect(&alone);
            assert_eq!(answer, first, "{}: kept or not makes a difference", dissector.name);
        }
        check(dissector, &answer);
        prefix.last_call = true;
        check(dissector, &dissector.dissect(&prefix));
        let refused = matches!(answer, Err(Stop::NotMine | Stop::Malformed));
        if gathered.is_full() || (refused && number >= CHUNKS_MAX / 2) {
            break;
        }
    }
}

fn ends(flags: u8, [from, to]: [u16; 2]) -> [Endpoint; 2] {
    let [source, destination]: [IpAddr; 2] = match (flags & V6 != 0, flags & MULTICAST != 0) {
        (false, false) => [Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(192, 0, 2, 1)],
        (false, true) => [Ipv4Addr::new(192, 168, 1, 2), Ipv4Addr::new(239, 192, 152, 143)],
        (true, group) => {
            let head = if group { 0xff02 } else { 0x2001 };
            return [
                Endpoint { addr: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).into(), port: from },
                Endpoint { addr: Ipv6Addr::new(head, 0xdb8, 0, 0, 0, 0, 0, 1).into(), port: to },
            ];
        }
    }
    .map(IpAddr::V4);
    [Endpoint { addr: source, port: from }, Endpoint { addr: destination, port: to }]
}

fn check(dissector: &Dissector, answer: &Result<Facts, Stop>) {
    let Ok(facts) = answer else { return };
    let name = dissector.name;
    assert!(dissector.protocols.contains(&facts.protocol), "{name} answers {:?}", facts.protocol);
    if let Some(host) = &facts.host {
        assert!((1..=HOST_MAX).contains(&host.len()), "{name}: a name of {} bytes", host.len());
        assert!(!host.ends_with('.') && !host.contains(char::is_control), "{name}: {host:?}");
        assert_eq!(**host, *host.to_lowercase(), "{name}: spelling");
    }
    assert!(facts.details.len() <= MOST_DETAILS, "{name}: {} details", facts.details.len());
    for text in facts.details.iter().filter_map(text) {
        assert!(text.len() <= MOST_TEXT, "{name}: a text of {} bytes", text.len());
        assert!(!text.contains(char::is_control), "{name}: {text:?}");
    }
}

fn text(detail: &Detail) -> Option<&str> {
    match detail {
        Detail::TlsAlpn(text) | Detail::TlsAlpnServer(text) => Some(text),
        Detail::TlsJa4(text)
        | Detail::TlsServerCn(text)
        | Detail::TlsIssuerDn(text)
        | Detail::TlsSubjectDn(text)
        | Detail::HttpUrl(text)
        | Detail::HttpUserAgent(text)
        | Detail::SshClient(text)
        | Detail::SshServer(text)
        | Detail::DhcpClass(text)
        | Detail::DhcpFingerprint(text)
        | Detail::MdnsName(text) => Some(text),
        _ => None,
    }
}
