//! The same traffic as other paths, other stacks and other captures would show it: cut anew, in
//! another order, twice, one direction alone, only its beginning. What nfa says of it is the same or
//! honestly less, never different.
//!
//!     cargo test --test variants -- --nocapture
//!
//! makes the variants from every flow of the corpus, if there is one, and of `tests/pcap`; what nfa
//! says of the untouched packets is the truth. `NFA_VERBOSE=1` lists what became less.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

#[allow(dead_code)] // packets are replayed here, not frames
mod corpus;
#[path = "variants/packets.rs"]
mod packets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nfa::app::Catalogue;
use nfa::facts::{Detail, Facts};
use nfa::flow::Flow;
use packets::{Owned, Random, VARIANTS, read};

/// How long all may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A name, and what remains to be said where the bytes that refine it are missing.
const LESS: &[(&str, &str)] = &[
    // The ALPN is missing, and with it what keeps port 443 from being the web.
    ("HTTP/S", "TLS"),
    ("TLS", "HTTP/S"),
    ("DoT", "TLS"),
    ("DoQ", "QUIC"),
    // The answer shows the certificate.
    ("DNSCrypt", "DNS"),
    // Requests of that program, and answers of any server.
    ("BitTorrent", "HTTP"),
    ("Gnutella", "HTTP"),
    ("HTTP/Connect", "HTTP"),
    ("HTTP/Proxy", "HTTP"),
    ("Websocket", "HTTP"),
    ("NFS", "RPC"),
    // A call whose STUN is missing.
    ("STUN", "RTP"),
    ("STUN", "DTLS"),
    // The same, with a discovery or reports of their own.
    ("Discord", "RTP"),
    ("Skype/Teams/Call", "RTCP"),
    ("WhatsApp/Call", "STUN"),
    // A client offers SMB 2 in a message of SMB 1, in a list that is cut.
    ("SMBv23", "SMBv1"),
    // The TLS is missing to which they change.
    ("SMTP/S", "SMTP"),
    ("IMAP/S", "IMAP"),
    ("POP3/S", "POP3"),
    ("FTP/S", "FTP/C"),
    ("XMPP/S", "XMPP"),
];

/// Flows that are named in a variant only, and rightly: the packet that hides what they are is
/// missing.
const MORE: &[(&str, &str)] = &[
    // Methods that nobody knows, and the server's answers.
    ("zeek__http__methods.pcap", "HTTP"),
    ("zeek__doc__traces__quickstart.pcap", "HTTP"),
    // A discovery that nobody knows, and RTP behind it.
    ("discord.pcap", "RTP"),
    // A query in the middle of a conversation, and the next certificate.
    ("dnscrypt-v1-and-resolver-pings.pcap", "DNSCrypt"),
    // Another protocol first, or a made-up opening, then TLS.
    ("nomachine.pcapng", "TLS"),
    ("ossfuzz_seed_fake_traces_1.pcapng", "TLS"),
    // An encrypted handshake that agrees on plain text.
    ("bittorrent_mse_aria2_v4.pcap", "BitTorrent"),
    // A hello in many small segments, too many to wait for.
    ("openvpn_obfuscated.pcapng", "OpenVPN"),
];

/// Protocols whose flows carry many names. The first one seen names the flow, so which one that is
/// changes with the order.
const MANY_NAMES: &[&str] = &["DNS", "MDNS", "LLMNR", "NETBIOS"];

/// What is said of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    protocol: Option<&'static str>,
    host: Option<String>,
    app: Option<String>,
    /// What the application rests on beside those: a DNS answer, all that the certificate says, and
    /// the address that is far.
    hint: Option<String>,
    certified: Option<String>,
    other: IpAddr,
}

/// The better the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Same,
    Less,
    More,
    Different,
}

impl Answer {
    fn of(flow: &Flow, catalogue: &Catalogue) -> Self {
        let protocol = corpus::protocol(flow);
        let facts = flow.detection.facts.as_ref().filter(|_| protocol.is_some());
        let app = flow.detection.app.and_then(|id| catalogue.app(id));
        Answer {
            protocol,
            host: facts.and_then(|facts| facts.host.as_deref()).map(str::to_owned),
            app: app.map(|app| app.tag.to_owned()),
            hint: flow.detection.hint.as_deref().map(str::to_owned),
            certified: facts.map(|facts| certified(facts)).filter(|text| !text.is_empty()),
            other: flow.other().addr,
        }
    }

    /// How this answer, of a variant, compares with the untouched flow's.
    fn against(&self, truth: &Answer, names: &BTreeSet<String>) -> Verdict {
        let host = self.host == truth.host || self.host.as_ref().is_some_and(|h| names.contains(h));
        if self.protocol == truth.protocol && host && self.app == truth.app {
            return Verdict::Same;
        }
        let protocol = match (self.protocol, truth.protocol) {
            (None, _) => true,
            (ours, whole) if ours == whole => true,
            (Some(ours), Some(whole)) => LESS.contains(&(whole, ours)),
            (Some(_), None) => return Verdict::More,
        };
        let host = host || self.host.is_none();
        // With a weaker name, or from another point of view, a flow has the application of its
        // address, if any.
        let weaker = [self.app.is_none(), self.host != truth.host, self.protocol != truth.protocol]
            .contains(&true)
            || self.hint != truth.hint
            || self.certified != truth.certified
            || self.other != truth.other;
        if protocol && host && (weaker || self.app == truth.app) {
            Verdict::Less
        } else {
            Verdict::Different
        }
    }
}

fn certified(facts: &Facts) -> String {
    let said = facts.details.iter().filter_map(|detail| match detail {
        Detail::TlsServerCn(text) | Detail::TlsServerNames(text) | Detail::TlsSubjectDn(text) => {
            Some(&**text)
        }
        _ => None,
    });
    said.collect::<Vec<_>>().join(" ")
}

/// The names that single packets of a flow give it.
fn names(packets: &[Owned], catalogue: &Arc<Catalogue>) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    for packet in packets {
        for (key, found) in answers(std::slice::from_ref(packet), catalogue) {
            let many = found.into_iter().filter(|answer| {
                answer.protocol.is_some_and(|protocol| MANY_NAMES.contains(&protocol))
            });
            names.entry(key).or_default().extend(many.filter_map(|answer| answer.host));
        }
    }
    names
}

/// What is said of each 5-tuple: all answers, where it was used again.
fn answers(packets: &[Owned], catalogue: &Arc<Catalogue>) -> BTreeMap<String, Vec<Answer>> {
    let mut answers = BTreeMap::<String, Vec<Answer>>::new();
    let packets = packets.iter().map(|packet| (packet.at, packet.view()));
    for flow in corpus::flows(packets, catalogue) {
        let mut ends = flow.ends();
        ends.sort();
        let key = format!("{:?} {} {}", flow.key.transport(), ends[0], ends[1]);
        answers.entry(key).or_default().push(Answer::of(&flow, catalogue));
    }
    answers
}

#[derive(Default, Clone, Copy)]
struct Counts {
    same: usize,
    less: usize,
    more: usize,
    different: usize,
}

#[test]
fn variants_say_the_same_or_less() {
    let started = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (catalogue, findings) = Catalogue::load(&root.join("files/usr/share/nfa/apps.d"));
    assert!(findings.is_empty(), "{findings:?}");
    let catalogue = Arc::new(catalogue);
    let mut captures = corpus::captures(&root.join("tests/pcap"));
    captures.retain(|path| path.extension().is_some_and(|kind| kind == "pcap"));
    assert!(!captures.is_empty());
    match corpus::folder() {
        Some(folder) => captures.extend(corpus::captures(&folder)),
        None => println!("skipped: no corpus; tests/pcap alone"),
    }
    let verbose = std::env::var_os("NFA_VERBOSE").is_some();
    let mut random = Random::default();
    let mut counts = vec![Counts::default(); VARIANTS.len()];
    let mut wrong = Vec::new();
    for path in &captures {
        let name = corpus::name(path);
        let packets = read(&corpus::read(path).0);
        let truth = answers(&packets, &catalogue);
        let names = names(&packets, &catalogue);
        for (variant, counts) in VARIANTS.iter().zip(&mut counts) {
            for (key, found) in answers(&(variant.make)(&packets, &mut random), &catalogue) {
                let Some(whole) = truth.get(&key) else { panic!("{name}: {key} is new") };
                let none = BTreeSet::new();
                let names = names.get(&key).unwrap_or(&none);
                for answer in &found {
                    let verdict = whole.iter().map(|whole| answer.against(whole, names)).min();
                    let more =
                        || MORE.iter().any(|(n, p)| *n == name && Some(*p) == answer.protocol);
                    let listed = match verdict {
                        Some(Verdict::Same) => &mut counts.same,
                        Some(Verdict::Less) => &mut counts.less,
                        Some(Verdict::More) if more() => &mut counts.more,
                        _ => &mut counts.different,
                    };
                    *listed += 1;
                    let line =
                        || format!("{}: {name} {key}: {answer:?}, not {whole:?}", variant.name);
                    match verdict {
                        Some(Verdict::Same) => {}
                        Some(Verdict::Less) if verbose => println!("less, {}", line()),
                        Some(Verdict::Less) => {}
                        Some(Verdict::More) if more() => {}
                        _ => wrong.push(line()),
                    }
                }
            }
        }
    }
    let title = format!("{} captures", captures.len());
    println!("{title:32} {:>7} {:>7} {:>7} {:>9}", "same", "less", "more", "different");
    for (variant, Counts { same, less, more, different }) in VARIANTS.iter().zip(counts) {
        println!("{:32} {same:7} {less:7} {more:7} {different:9}", variant.name);
        let percent = same * 100 / (same + less + more + different).max(1);
        if corpus::folder().is_some() && percent < variant.same_min {
            wrong.push(format!("{}: {percent} % the same, not {}", variant.name, variant.same_min));
        }
    }
    println!("took {} ms", started.elapsed().as_millis());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(started.elapsed() < TIME_MAX, "took {} s", started.elapsed().as_secs());
}
