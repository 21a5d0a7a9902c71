//! BitTorrent in captures: the shape of encrypted peers, uTP joined anywhere, lessons.
//!
//!     cargo test --test bittorrent -- --nocapture
//!
//! asks the dissectors about each TCP flow as the engine does, packet by packet, and lists those
//! of the corpus that have the shape of the encrypted handshake. `NFA_CORPUS` says where it is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

#[allow(dead_code)]
mod corpus;

use std::collections::HashMap;
use std::path::Path;

use nfa::bytes::Stop;
use nfa::dissect::ALL;
use nfa::dissect::bittorrent::{BITTORRENT, ENCRYPTED};
use nfa::facts::{Certainty, Lesson};
use nfa::flow::{FlowKey, ends_of};
use nfa::net::{Direction, Endpoint, Transport};
use nfa::prefix::{Chunk, Gathered, Prefix};
use nfa::time::Timestamp;
use nfa::wire::{self, TcpFlags};

/// As many packets with payload as the engine looks at.
const PACKETS_MAX: usize = 12;

/// One TCP flow and what is said of it.
struct Dialogue {
    ends: [Endpoint; 2],
    store: Gathered,
    packets: usize,
    named: bool,
    refused: Vec<usize>,
    /// Certainties of the encrypted shape, with the number of the packet that showed it.
    seen: Vec<(usize, Certainty)>,
}

impl Dialogue {
    fn ask(&mut self, last_call: bool) {
        let mut prefix = self.store.view(Transport::Tcp, self.ends);
        prefix.last_call = last_call;
        let mut answer = None;
        for (number, dissector) in ALL.iter().enumerate() {
            if !dissector.over.contains(&Transport::Tcp) || self.refused.contains(&number) {
                continue;
            }
            match dissector.dissect(&prefix) {
                Ok(facts) => {
                    answer = Some((facts.certainty, dissector.name == ENCRYPTED.name));
                    break; // it is the last where it is not content
                }
                Err(Stop::NotMine | Stop::Malformed) => self.refused.push(number),
                Err(Stop::NeedMore) => {}
            }
        }
        let Some((certainty, encrypted)) = answer else { return };
        self.named = certainty == Certainty::Content;
        if encrypted && self.seen.last().map(|(_, last)| *last) != Some(certainty) {
            self.seen.push((self.packets, certainty));
        }
    }
}

/// The TCP flows of a capture, in the order they began.
fn dialogues(path: &Path) -> Vec<Dialogue> {
    let (frames, _) = corpus::read(path);
    let mut flows: HashMap<FlowKey, usize> = HashMap::new();
    let mut all: Vec<Dialogue> = Vec::new();
    for frame in &frames {
        let Ok(packet) = wire::decode(frame.link, &frame.bytes) else { continue };
        let Some(tcp) = packet.tcp else { continue };
        let (source, destination) = ends_of(&packet);
        let (key, _) = FlowKey::new(packet.transport, source, destination);
        let at = *flows.entry(key).or_insert_with(|| {
            all.push(Dialogue {
                ends: [source, destination],
                store: Gathered::default(),
                packets: 0,
                named: false,
                refused: Vec::new(),
                seen: Vec::new(),
            });
            all.len() - 1
        });
        let dialogue = &mut all[at];
        let sender =
            if dialogue.ends[0] == source { Direction::Original } else { Direction::Reply };
        if tcp.flags.contains(TcpFlags::SYN) {
            dialogue.store.open(sender, tcp.sequence);
        }
        if packet.payload.is_empty() || dialogue.named || dialogue.packets >= PACKETS_MAX {
            continue;
        }
        dialogue.packets += 1;
        dialogue.store.segment(sender, frame.at, tcp.sequence, packet.payload);
        dialogue.ask(false);
    }
    for dialogue in all.iter_mut().filter(|dialogue| !dialogue.named) {
        dialogue.ask(true);
    }
    all
}

#[test]
fn our_captures_have_the_shape_by_their_fifth_packet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcap");
    let seen = |name: &str| {
        let flows = dialogues(&folder.join(name));
        flows.into_iter().map(|flow| flow.seen).collect::<Vec<_>>()
    };
    let habit = [(3, Certainty::HalfShape), (5, Certainty::Shape)];
    assert_eq!(seen("bittorrent_mse_tcp_v4.pcap"), [habit]);
    // Both agree on plain text, so the fourth packet has the peer handshake.
    let plain = [(3, Certainty::HalfShape), (4, Certainty::Content)];
    assert_eq!(seen("bittorrent_mse_aria2_v4.pcap"), [plain]);
    for path in corpus::captures(&folder) {
        let name = corpus::name(&path);
        if name.ends_with(".pcap") && !name.starts_with("bittorrent_mse_") {
            assert!(seen(&name).iter().all(Vec::is_empty), "{name}");
        }
    }
}

/// The only one in the corpus with the shape, and it is BitTorrent, in plain from its 6th packet on.
const ENCRYPTED_IN_CORPUS: &str = "bittorrent_tcp_miss.pcapng";

#[test]
fn nothing_else_in_the_corpus_has_the_shape() {
    let Some(corpus) = corpus::folder() else {
        println!("skipped: no corpus");
        return;
    };
    let (mut flows, mut unknown, mut shapes) = (0, 0, Vec::new());
    for folder in ["ndpi", "extra"] {
        for path in corpus::captures(&corpus.join(folder)) {
            for flow in dialogues(&path).iter().filter(|flow| flow.packets > 0) {
                flows += 1;
                unknown += usize::from(!flow.named);
                if !flow.seen.is_empty() {
                    shapes.push((corpus::name(&path), flow.seen.clone()));
                }
            }
        }
    }
    println!(
        "{flows} TCP flows with payload, {unknown} of them unknown; with the shape: {shapes:?}"
    );
    let seen = vec![(3, Certainty::HalfShape), (5, Certainty::Shape), (6, Certainty::Content)];
    assert_eq!(shapes, [(ENCRYPTED_IN_CORPUS.to_owned(), seen)]);
}

/// A datagram: who sent it, when, and what.
type Datagram = (Direction, Timestamp, Vec<u8>);

/// The datagrams of the first flow of a capture.
fn datagrams(path: &Path) -> ([Endpoint; 2], Vec<Datagram>) {
    let (frames, _) = corpus::read(path);
    let mut ends = None;
    let mut all = Vec::new();
    for frame in &frames {
        let packet = wire::decode(frame.link, &frame.bytes).unwrap();
        let (source, destination) = ends_of(&packet);
        let [original, other] = *ends.get_or_insert([source, destination]);
        let direction = match source {
            source if source == original && destination == other => Direction::Original,
            source if source == other && destination == original => Direction::Reply,
            _ => continue,
        };
        all.push((direction, frame.at, packet.payload.to_vec()));
    }
    (ends.unwrap(), all)
}

/// After how many of these datagrams the flow is known, if it is.
fn known_after<'a>(
    ends: [Endpoint; 2],
    datagrams: impl Iterator<Item = &'a Datagram>,
) -> Option<usize> {
    let mut store = Gathered::default();
    for (number, (direction, at, bytes)) in datagrams.take(PACKETS_MAX).enumerate() {
        store.datagram(*direction, *at, bytes);
        if BITTORRENT.dissect(&store.view(Transport::Udp, ends)).is_ok() {
            return Some(number + 1);
        }
    }
    None
}

/// These captures last 1 to 8 ms, too short to judge a clock: what is known, is by both directions.
#[test]
fn utp_is_known_wherever_one_joins() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcap");
    // Behind the 12th packet one side alone sends, and soon the capture ends.
    for (name, joins) in
        [("bittorrent_utp_v4", 12), ("bittorrent_utp_v6", 12), ("bittorrent_mse_utp_v4", 18)]
    {
        let (ends, all) = datagrams(&folder.join(format!("{name}.pcap")));
        for skipped in 0..joins {
            let after = known_after(ends, all.iter().skip(skipped));
            assert!(after.is_some_and(|after| after <= 6), "{name} joined at {skipped}: {after:?}");
        }
        let opener = all.iter().filter(|one| one.0 == Direction::Original);
        assert_eq!(known_after(ends, opener), Some(2), "{name}, one direction");
    }
}

/// What every packet of a capture teaches, each thing once.
fn lessons(path: &Path) -> Vec<String> {
    let (frames, _) = corpus::read(path);
    let mut all = Vec::new();
    for frame in &frames {
        let packet = wire::decode(frame.link, &frame.bytes).unwrap();
        let (source, destination) = ends_of(&packet);
        let chunk = [Chunk {
            direction: Direction::Original,
            at: frame.at,
            start: 0,
            len: packet.payload.len(),
        }];
        let ends = [source, destination];
        let prefix = Prefix::new(packet.transport, ends, [packet.payload, &[]], &chunk);
        let mut lessons = Vec::new();
        BITTORRENT.teach.unwrap()(&prefix, &mut lessons);
        for lesson in lessons {
            let text = match lesson {
                Lesson::Peer(Endpoint { addr, port }) => format!("peer {addr} {port}"),
                Lesson::Listens { port, .. } => format!("{} listens at {port}", source.addr),
                other => format!("{other:?}"),
            };
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

#[test]
fn our_captures_teach_endpoints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcap");
    // 203.0.113.1 is the router, as BEP 42's `ip` and a peer's list show the client behind it.
    let expected: &[(&str, &[&str])] = &[
        ("bittorrent_dht_v4", &["peer 203.0.113.1 7000", "192.168.71.10 listens at 7000"]),
        ("bittorrent_dht_v6", &["peer fd71::10 7000", "fd71::10 listens at 7000"]),
        (
            "bittorrent_http_tracker_v4",
            &["192.168.71.10 listens at 6881", "peer 198.51.100.73 6881"],
        ),
        ("bittorrent_http_tracker_v6", &["fd71::10 listens at 7000", "peer 2001:db8:51::71 6881"]),
        ("bittorrent_lsd_v4", &["192.168.71.11 listens at 7000", "192.168.71.10 listens at 7000"]),
        (
            "bittorrent_mse_aria2_v4",
            &[
                "192.168.71.10 listens at 6881",
                "198.51.100.73 listens at 6881",
                "peer 2001:db8:51::73 6881",
                "peer 203.0.113.1 6881",
            ],
        ),
        (
            "bittorrent_tcp_v4",
            &[
                "192.168.71.10 listens at 7000",
                "198.51.100.73 listens at 6881",
                "peer 2001:db8:51::73 6881",
                "peer 203.0.113.1 7000",
            ],
        ),
        (
            "bittorrent_udp_tracker_v4",
            &["192.168.71.10 listens at 7000", "peer 198.51.100.71 6881"],
        ),
        ("bittorrent_udp_tracker_v6", &["fd71::10 listens at 7000", "peer 2001:db8:51::71 6881"]),
        ("bittorrent_utp_v4", &["192.168.71.10 listens at 7000"]),
    ];
    for path in corpus::captures(&folder) {
        let name = corpus::name(&path);
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        let wanted = expected.iter().find(|(expected, _)| *expected == name);
        assert_eq!(lessons(&path), wanted.map_or(&[][..], |(_, wanted)| wanted), "{name}");
    }
}
