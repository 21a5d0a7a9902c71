//! Captures as bad links and short snap lengths make them: cut, doubled and disordered packets
//! may cost an answer, but never turn it into another.
//!
//! Every capture of the corpus; what the engine says of the untouched frames is the truth.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod corpus;

use std::collections::BTreeMap;
use std::sync::Arc;

use corpus::Frame;
use nfa::app::Catalogue;
use nfa::net::{Endpoint, Transport};
use nfa::wire::{self, TcpFlags};

/// Names that rest on details (an ALPN, a path), and what remains to be said without them. The
/// reasons of the others stand beside them.
const LESS: &[(&str, &str)] = &[
    ("HTTP/S", "TLS"),
    ("DoT", "TLS"),
    // Port 443, and the ALPN that says otherwise is cut off.
    ("TLS", "HTTP/S"),
    ("DoQ", "QUIC"),
    ("DNSCrypt", "DNS"),
    ("BitTorrent", "HTTP"),
    ("Gnutella", "HTTP"),
    ("Websocket", "HTTP"),
    ("NFS", "RPC"),
    // The STUN that opens a call is cut, its media follow.
    ("STUN", "RTP"),
    // The TLS to which they change comes too late, or is cut.
    ("SMTP/S", "SMTP"),
    ("IMAP/S", "IMAP"),
    ("POP3/S", "POP3"),
    ("FTP/S", "FTP/C"),
    // The same, with a discovery of its own.
    ("Discord", "RTP"),
];
/// Flows without an answer that damage gives one, and a right one.
const MORE: &[(&str, &str)] = &[
    // The flow begins with a query that nobody can know, and waits for more. Doubled, it begins
    // afresh and knows the answer.
    ("dnscrypt-v1-and-resolver-pings.pcap", "DNSCrypt"),
    // One connection of many made-up openings, of which the second is TLS.
    ("ossfuzz_seed_fake_traces_1.pcapng", "TLS"),
];

/// What is done to the frames of a capture.
struct Damage {
    name: &'static str,
    inflict: fn(&[Frame]) -> Vec<Frame>,
    /// Answers that must remain, in percent: what is reached. Of 64 bytes hardly any is payload; a
    /// doubled datagram that nobody knows uses up two fresh starts; and the middle of a connection
    /// is harder to know in disorder.
    kept_min: usize,
}

const DAMAGES: &[Damage] = &[
    Damage { name: "cut to 64 bytes", inflict: |frames| cut(frames, 64), kept_min: 23 },
    Damage { name: "cut to 128 bytes", inflict: |frames| cut(frames, 128), kept_min: 95 },
    Damage { name: "cut to 256 bytes", inflict: |frames| cut(frames, 256), kept_min: 98 },
    Damage { name: "doubled", inflict: doubled, kept_min: 99 },
    Damage { name: "segments swapped", inflict: swapped, kept_min: 99 },
];

fn cut(frames: &[Frame], snaplen: usize) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    frames.iter_mut().for_each(|frame| frame.bytes.truncate(snaplen));
    frames
}

fn doubled(frames: &[Frame]) -> Vec<Frame> {
    frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect()
}

/// Two neighbours change places if they are segments of the same side of a connection.
fn swapped(frames: &[Frame]) -> Vec<Frame> {
    let side = |frame: &Frame| {
        let packet = wire::decode(frame.link, &frame.bytes).ok()?;
        let opens = packet.tcp?.flags.contains(TcpFlags::SYN);
        let ends = [packet.source_port, packet.destination_port];
        (!opens && !packet.payload.is_empty()).then_some((packet.source, packet.destination, ends))
    };
    let mut frames = frames.to_vec();
    let mut at = 1;
    while let [a, b, ..] = frames.get_mut(at - 1..).unwrap_or_default() {
        let swaps = side(a).is_some() && side(a) == side(b);
        if swaps {
            std::mem::swap(&mut a.bytes, &mut b.bytes);
        }
        at += if swaps { 2 } else { 1 };
    }
    frames
}

type Key = (Transport, [Endpoint; 2]);

/// What is said of each 5-tuple, the first name where it was used again.
fn answers(frames: &[Frame], catalogue: &Arc<Catalogue>) -> BTreeMap<String, Option<&'static str>> {
    let mut answers = BTreeMap::new();
    for flow in corpus::replay(frames, catalogue) {
        let mut ends = flow.ends();
        ends.sort();
        let key: Key = (flow.key.transport(), ends);
        let answer = answers.entry(format!("{key:?}")).or_insert(None);
        *answer = answer.or(corpus::protocol(&flow));
    }
    answers
}

#[test]
fn damage_costs_answers_but_makes_none() {
    let Some(folder) = corpus::folder() else {
        println!("skipped: no corpus");
        return;
    };
    let catalogue = Arc::new(Catalogue::empty());
    let captures = corpus::captures(&folder);
    let mut tallies = vec![[0usize; 2]; DAMAGES.len()];
    let mut wrong = Vec::new();
    for path in &captures {
        let (frames, _) = corpus::read(path);
        let name = corpus::name(path);
        let truth = answers(&frames, &catalogue);
        for (damage, [named, kept]) in DAMAGES.iter().zip(&mut tallies) {
            let damaged = answers(&(damage.inflict)(&frames), &catalogue);
            for (key, want) in truth.iter().filter(|(_, want)| want.is_some()) {
                *named += 1;
                *kept += usize::from(damaged.get(key) == Some(want));
            }
            for (key, got) in damaged {
                let want = truth.get(&key).copied().flatten();
                let less = |got| want.is_some_and(|want| LESS.contains(&(want, got)));
                let more = |got| want.is_none() && MORE.contains(&(&*name, got));
                if got.is_some_and(|got| Some(got) != want && !less(got) && !more(got)) {
                    wrong.push(format!("{}: {name} {key}: {got:?}, not {want:?}", damage.name));
                }
            }
        }
    }
    println!("{} captures", captures.len());
    for (damage, [named, kept]) in DAMAGES.iter().zip(tallies) {
        let percent = kept * 100 / named.max(1);
        println!("{:20} {kept:5} of {named:5} answers kept: {percent} %", damage.name);
        if percent < damage.kept_min {
            wrong.push(format!("{}: {percent} % kept, not {}", damage.name, damage.kept_min));
        }
    }
    assert!(!captures.is_empty(), "no captures in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
