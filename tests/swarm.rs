//! BitTorrent that content does not show: captures of one LAN read one after the other, and every
//! capture of the corpus that has none, on hosts that speak it beside.
//!
//!     cargo test --test swarm -- --nocapture
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

#[allow(dead_code)] // engines are made here, for what corpus::replay does not do
mod corpus;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nfa::app::Catalogue;
use nfa::config::{self, Config};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::{Flow, Locality, Source};
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::Transport;
use nfa::time::Timestamp;
use nfa::wire::{self, Packet};

/// Of 1,000 flows on hosts that speak BitTorrent, those that may be called so wrongly.
const WRONG_OF_1000_MAX: usize = 1;

fn engine(config: &str) -> Engine {
    let limits = Limits { flows_max: 1 << 20, idle: None, keep_ended: true, ..Limits::default() };
    let interface = Interface { name: "br-lan".to_owned(), role: Role::Lan };
    let (path, catalogue) = (Path::new("test.json"), Catalogue::empty());
    let config: Config = config::parse(config, path, &catalogue, Lists::default()).unwrap().0;
    let locality = Locality::new(Vec::new());
    Engine::new(config, Arc::new(catalogue), vec![interface], locality, limits)
}

fn finish(mut engine: Engine, mut output: Output) -> Vec<Flow> {
    engine.finish(&mut output);
    output.ended.into_iter().map(|ended| ended.flow).collect()
}

/// What captures made on one LAN say together, one behind the other: protocol and source of every
/// flow, with how many there are.
fn told(config: &str, captures: &[&str]) -> BTreeMap<(&'static str, &'static str), u32> {
    let (mut engine, mut output) = (engine(config), Output::default());
    let mut base = Timestamp::ZERO;
    for name in captures {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcap").join(name);
        let (frames, error) = corpus::read(&path);
        assert!(error.is_none() && !frames.is_empty(), "{name}");
        let start = frames[0].at;
        for frame in &frames {
            let at = base.after(frame.at.since(start));
            engine.tick(at, &mut output);
            let packet = wire::decode(frame.link, &frame.bytes).unwrap();
            engine.packet(at, 0, &packet, &mut output);
        }
        base = base.after(Duration::from_secs(60));
        engine.tick(base, &mut output);
    }
    let mut found = BTreeMap::new();
    for flow in finish(engine, output) {
        let name = flow.detection.facts.as_ref().map_or("-", |facts| facts.protocol.name);
        *found.entry((name, flow.detection.source().name())).or_default() += 1;
    }
    found
}

#[test]
fn an_encrypted_peer_is_told_by_what_else_its_host_does() {
    if !nfa::dissect::ALL.iter().any(|dissector| dissector.name == "bittorrent-encrypted") {
        println!("skipped: no dissector sees the shape of encrypted peers");
        return;
    }
    let mse = "bittorrent_mse_tcp_v4.pcap";
    let inferred = ("BitTorrent", "inferred");
    let alone = BTreeMap::from([(("-", "unknown"), 1)]);
    assert_eq!(told("{}", &[mse]), alone, "a lone one is honestly unknown");
    let always = r#"{"bittorrent": {"infer": "always"}}"#;
    assert_eq!(told(always, &[mse]), BTreeMap::from([(inferred, 1)]));
    let never = r#"{"bittorrent": {"infer": "never"}}"#;
    for other in
        ["bittorrent_dht_v4.pcap", "bittorrent_http_tracker_v4.pcap", "bittorrent_mse_utp_v4.pcap"]
    {
        for captures in [[other, mse], [mse, other]] {
            assert_eq!(told("{}", &captures)[&inferred], 1, "{captures:?}");
            assert_eq!(told(never, &captures)[&alone.keys().next().copied().unwrap()], 1);
        }
    }
    // Other traffic is no context.
    assert!(!told("{}", &["tls_youtube.pcap", mse, "dns.pcap"]).contains_key(&inferred));
}

/// How often a client is made to speak to its node of the DHT.
const PING_EVERY: Duration = Duration::from_secs(600);

fn ping(engine: &mut Engine, output: &mut Output, at: Timestamp, host: IpAddr) {
    let node: IpAddr =
        if host.is_ipv4() { [198, 18, 0, 1].into() } else { "2001:2::1".parse().unwrap() };
    let payload = b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe";
    let packet = Packet {
        source_mac: None,
        destination_mac: None,
        vlan: None,
        source: host,
        destination: node,
        transport: Transport::Udp,
        source_port: 51_413,
        destination_port: 6881,
        dscp: 0,
        tcp: None,
        payload,
        payload_len: u32::try_from(payload.len()).unwrap(),
        ip_len: 84,
    };
    engine.packet(at, 0, &packet, output);
}

/// Flows that are named for more than their content where every host speaks BitTorrent beside.
fn flows_in_context(path: &Path, config: &str) -> Vec<Flow> {
    let (frames, _) = corpus::read(path);
    let (mut engine, mut output) = (engine(config), Output::default());
    let mut pinged: HashMap<IpAddr, Timestamp> = HashMap::new();
    let mut now = Timestamp::ZERO;
    for frame in &frames {
        now = now.max(frame.at);
        let Ok(packet) = wire::decode(frame.link, &frame.bytes) else { continue };
        for host in [packet.source, packet.destination] {
            let last = pinged.get(&host);
            if !host.is_multicast() && last.is_none_or(|last| now.since(*last) > PING_EVERY) {
                ping(&mut engine, &mut output, now, host);
                pinged.insert(host, now);
            }
        }
        engine.tick(now, &mut output);
        engine.packet(frame.at, 0, &packet, &mut output);
    }
    let is_ping = |flow: &Flow| flow.ends().iter().any(|end| end.port == 51_413);
    finish(engine, output).into_iter().filter(|flow| !is_ping(flow)).collect()
}

#[test]
fn what_is_no_bittorrent_is_not_called_so_even_on_hosts_that_speak_it() {
    let Some(corpus) = corpus::folder() else {
        println!("skipped: no corpus");
        return;
    };
    for config in ["{}", r#"{"bittorrent": {"infer": "always", "from_syn": true}}"#] {
        let (mut flows, mut wrong) = (0, 0);
        for path in corpus::captures(&corpus) {
            let found = flows_in_context(&path, config);
            let bittorrent = |flow: &&Flow| corpus::protocol(flow) == Some("BitTorrent");
            // A capture of BitTorrent says nothing about what is none.
            if found.iter().filter(bittorrent).any(|f| f.detection.source() == Source::Content) {
                continue;
            }
            flows += found.len();
            for flow in found.iter().filter(bittorrent) {
                wrong += 1;
                let [from, to] = flow.ends();
                let (name, evidence) = (corpus::name(&path), flow.detection.evidence);
                println!("{name}: {} {from} {to}: {evidence:?}", flow.key.transport());
            }
        }
        println!("{config}: {wrong} of {flows} flows called BitTorrent on hosts that speak it");
        assert!(flows > 1000 && wrong * 1000 <= flows * WRONG_OF_1000_MAX);
    }
}
