//! The engine in simulated time: what packets and time ask of the sets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::config;
use nfa::effect::Effect;
use nfa::engine::{Engine, Frames, Limits, Output, Reason, UNWANTED_AFTER};
use nfa::facts::Detail;
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::Transport;
use nfa::time::Timestamp;
use nfa::wire::{Packet, TcpFlags, TcpInfo};

/// A peer wire handshake (BEP 3): 19, the name, eight reserved bytes, torrent, peer.
fn handshake() -> Vec<u8> {
    let mut bytes = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec();
    bytes.extend_from_slice(b"aaaaaaaaaaaaaaaaaaaa-XX0001-bbbbbbbbbbbb");
    bytes
}

/// A query for `name` (A), or its answer with one address.
fn dns(name: &str, answer: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    bytes.extend_from_slice(if answer.is_some() { &[0x81, 0x80] } else { &[0x01, 0x00] });
    bytes.extend_from_slice(&[0, 1, 0, u8::from(answer.is_some()), 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Some(addr) = answer {
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        bytes.extend_from_slice(&addr);
    }
    bytes
}

struct World {
    engine: Engine,
    output: Output,
    now: u64,
}

impl World {
    fn new(configuration: &str, limits: Limits) -> Self {
        let catalogue = catalogue();
        let config = parse(configuration, &catalogue);
        let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
        let locality = Locality::default();
        let engine = Engine::new(config, Arc::new(catalogue), interfaces, locality, limits);
        World { engine, output: Output::default(), now: 0 }
    }

    /// A second passes; then a packet. `from` and `to` are `ADDRESS:PORT`.
    fn packet(&mut self, transport: Transport, from: &str, to: &str, flags: u8, payload: &[u8]) {
        self.wait(1);
        let end = |text: &str| {
            let (addr, port) = text.rsplit_once(':').unwrap();
            (addr.parse::<IpAddr>().unwrap(), port.parse::<u16>().unwrap())
        };
        let ((source, source_port), (destination, destination_port)) = (end(from), end(to));
        let packet = Packet {
            source_mac: None,
            destination_mac: None,
            vlan: None,
            source,
            destination,
            transport,
            source_port,
            destination_port,
            dscp: 0,
            tcp: (transport == Transport::Tcp).then(|| TcpInfo {
                flags: TcpFlags::from_bits(flags),
                sequence: 1000 + u32::from(flags & 2 == 0),
                acknowledgement: 0,
            }),
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 40,
        };
        self.engine.packet(self.at(), 0, &packet, &mut self.output);
    }

    fn tcp(&mut self, from: &str, to: &str, flags: TcpFlags, payload: &[u8]) {
        self.packet(Transport::Tcp, from, to, flags.bits(), payload);
    }

    fn udp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.packet(Transport::Udp, from, to, 0, payload);
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.now * 1_000_000)
    }

    /// Seconds pass, one by one.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            self.engine.tick(self.at(), &mut self.output);
        }
    }

    fn reload(&mut self, configuration: &str) {
        let catalogue = catalogue();
        let config = parse(configuration, &catalogue);
        let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
        self.engine.reload(config, Arc::new(catalogue), interfaces, &mut self.output);
    }

    /// What was asked since the last call: `+set element timeout`, `~` for refresh, `-` for remove.
    fn told(&mut self) -> Vec<String> {
        let told = self.output.effects.drain(..).map(|effect| {
            let name = |set| self.engine.sets().get(set).unwrap().name.clone();
            match effect {
                Effect::Add { set, element, timeout, .. } => {
                    format!("+{} {element} {}", name(set), timeout.map_or(0, |t| t.as_secs()))
                }
                Effect::Refresh { set, element, timeout, .. } => {
                    format!("~{} {element} {}", name(set), timeout.as_secs())
                }
                Effect::Remove { set, element } => format!("-{} {element}", name(set)),
                Effect::Label { flow, labels, mask, .. } => {
                    format!("label {labels:#x}/{mask:#x} {flow}")
                }
                Effect::Mark { flow, mark, mask } => format!("mark {mark:#x}/{mask:#x} {flow}"),
                Effect::Kill { flow } => format!("kill {flow}"),
                Effect::Record { stream, record } => {
                    let stream = self.engine.streams().get(stream).unwrap();
                    format!(
                        "{stream}: {} {} {}",
                        record["action"], record["target"], record["other_ip"]
                    )
                }
            }
        });
        told.collect()
    }
}

/// Three applications, made here: the tests must not depend on what is in the shipped catalogue.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::empty();
    let findings = catalogue.add_signatures(
        Path::new("test"),
        "app:124:netify.youtube\ndom:124:youtube.com\napp:120:netify.twitter\ndom:120:x.com\n",
    );
    assert!(findings.is_empty(), "{findings:?}");
    catalogue
}

fn parse(text: &str, catalogue: &Catalogue) -> config::Config {
    let (path, lists) = (Path::new("test.json"), Lists::default());
    let (config, findings) = config::parse(text, path, catalogue, lists).unwrap();
    let errors: Vec<_> =
        findings.iter().filter(|f| f.severity == config::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    config
}

/// One action, one ipset target.
fn one(criteria: &str, target: &str) -> String {
    format!(
        r#"{{"targets": {{"t": {{"target_type": "ipset", "set_name": "s", {target}}}}},
            "actions": {{"a": {{"criteria": "{criteria}", "targets": ["t"]}}}}}}"#
    )
}

const BITTORRENT: &str = "protocol == 'bittorrent';";
const CLIENT: &str = "192.168.1.10:5000";
const PEER: &str = "203.0.113.9:6881";

#[test]
fn a_peer_is_in_the_set_from_its_first_payload_to_its_end() {
    let mut world = World::new(
        &one(BITTORRENT, r#""type": "hash:ip,port,ip", "ttl": 40"#),
        Limits { keep_ended: true, ..Limits::default() },
    );
    world.tcp(CLIENT, PEER, TcpFlags::SYN, b"");
    assert!(world.told().is_empty());
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    let member = "s.v4 203.0.113.9,tcp:6881,192.168.1.10";
    assert_eq!(world.told(), [format!("+{member} 40")]);
    world.wait(45);
    assert_eq!(world.told(), [format!("~{member} 40"), format!("~{member} 40")]);
    world.tcp(CLIENT, PEER, TcpFlags::FIN, b"");
    world.tcp(PEER, CLIENT, TcpFlags::FIN, b"");
    world.told();
    world.wait(6);
    assert_eq!(world.told(), [format!("-{member}")]);
    assert_eq!(world.output.ended[0].reason, Reason::Closed);
}

#[test]
fn a_peer_that_calls_is_the_other_side_all_the_same() {
    let mut world = World::new(&one(BITTORRENT, r#""type": "hash:ip,port,ip""#), Limits::default());
    world.tcp("203.0.113.9:51000", "192.168.1.10:6881", TcpFlags::SYN, b"");
    world.tcp("203.0.113.9:51000", "192.168.1.10:6881", TcpFlags::ACK, &handshake());
    assert_eq!(world.told(), ["+s.v4 203.0.113.9,tcp:51000,192.168.1.10 0"]);
}

#[test]
fn a_shared_element_stays_until_its_last_flow_has_ended() {
    let mut world = World::new(&one(BITTORRENT, r#""ttl": 600"#), Limits::default());
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    world.tcp("192.168.1.11:5000", PEER, TcpFlags::ACK, &handshake());
    assert_eq!(world.told(), ["+s.v4 203.0.113.9 600"]);
    world.tcp(CLIENT, PEER, TcpFlags::RST, b"");
    world.wait(10);
    assert!(world.told().is_empty());
    world.tcp(PEER, "192.168.1.11:5000", TcpFlags::RST, b"");
    world.wait(10);
    assert_eq!(world.told(), ["-s.v4 203.0.113.9"]);
}

#[test]
fn a_new_connection_on_old_ports_is_a_new_flow() {
    let mut world = World::new(
        &one(BITTORRENT, r#""ttl": 600"#),
        Limits { keep_ended: true, ..Limits::default() },
    );
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    world.tcp(CLIENT, PEER, TcpFlags::RST, b"");
    world.tcp(CLIENT, PEER, TcpFlags::SYN, b"");
    assert_eq!(world.told(), ["+s.v4 203.0.113.9 600", "-s.v4 203.0.113.9"]);
    assert_eq!(world.output.ended.len(), 1);
    world.tcp(CLIENT, PEER, TcpFlags::ACK, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert!(world.told().is_empty(), "the new flow is judged by itself");
}

#[test]
fn a_dns_answer_names_the_flow_that_follows() {
    let both = r#"{"targets": {"t": {"target_type": "ipset", "set_name": "s"}},
        "actions": {"a": {"criteria": "app == 'youtube';", "targets": ["t"]}},
        "exemptions": ["protocol == 'dns';"]}"#;
    let mut world = World::new(both, Limits::default());
    world.udp("192.168.1.10:3333", "192.168.1.1:53", &dns("www.youtube.com", None));
    let answer = dns("www.youtube.com", Some([203, 0, 113, 7]));
    world.udp("192.168.1.1:53", "192.168.1.10:3333", &answer);
    assert!(world.told().is_empty(), "a look-up is exempt");
    // No payload that names a host: random-looking bytes that nobody knows, six datagrams.
    for _ in 0..6 {
        world.udp("192.168.1.11:4000", "203.0.113.7:9999", b"\xf7\x11\x93\x04\xee\x01");
        world.udp(CLIENT, "203.0.113.7:9999", b"\xf7\x11\x93\x04\xee\x01");
    }
    assert_eq!(world.told(), ["+s.v4 203.0.113.7 0"]);
    let holders: Vec<_> =
        world.engine.flows().iter().filter(|(_, f)| !f.stakes.held().is_empty()).collect();
    assert_eq!(holders.len(), 1, "only the client that asked");
    assert_eq!(holders[0].1.local().addr.to_string(), "192.168.1.10");
}

#[test]
fn exemptions_and_order_are_kept() {
    let text = r#"{
        "targets": {"a": {"target_type": "ipset", "set_name": "a"},
                    "b": {"target_type": "ipset", "set_name": "b"},
                    "off": {"target_type": "ipset", "set_name": "off", "target_enabled": false}},
        "actions": {
            "late": {"criteria": "*", "targets": ["b", "off", "missing"], "priority": 5},
            "early": {"criteria": "protocol == 'bittorrent';", "targets": ["a"],
                      "halt_on_match": true, "exemptions": ["192.168.1.11"]},
            "wan": {"criteria": "*", "targets": ["a"], "interface": "wan"},
            "not": {"criteria": "*", "targets": ["a"], "enabled": false}},
        "exemptions": ["192.168.1.99"]}"#;
    let mut world = World::new(text, Limits::default());
    world.tcp("192.168.1.10:1", "203.0.113.1:1", TcpFlags::ACK, &handshake());
    world.tcp("192.168.1.11:1", "203.0.113.2:1", TcpFlags::ACK, &handshake());
    world.tcp("192.168.1.99:1", "203.0.113.3:1", TcpFlags::ACK, &handshake());
    assert_eq!(world.told(), ["+a.v4 203.0.113.1 0", "+b.v4 203.0.113.2 0"]);
}

#[test]
fn a_reload_sends_only_differences() {
    let first = one(BITTORRENT, r#""ttl": 600"#);
    let mut world = World::new(&first, Limits::default());
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    world.told();
    world.reload(&first);
    assert!(world.told().is_empty(), "nothing has changed");
    world.reload(&one("app == 'youtube';", r#""ttl": 600"#));
    assert_eq!(world.told(), ["-s.v4 203.0.113.9"]);
    world.reload(&first);
    assert_eq!(world.told(), ["+s.v4 203.0.113.9 600"], "the live flow is judged again");
    world.reload(&one(BITTORRENT, r#""ttl": 600, "type": "hash:ip,port""#));
    assert_eq!(world.output.effects.len(), 2, "another key is another set");
}

#[test]
fn flows_end_in_time_after_a_reload() {
    let mut world = World::new("{}", Limits::default());
    world.udp(CLIENT, "203.0.113.1:5000", b"first");
    world.udp(CLIENT, "203.0.113.2:5000", b"second");
    world.wait(20);
    world.udp(CLIENT, "203.0.113.1:5000", b"and again");
    world.reload("{}");
    world.wait(12);
    assert_eq!(world.engine.flows().len(), 1, "30 s after its last packet the second has ended");
}

#[test]
fn what_a_reload_takes_out_goes_whether_it_lingers_or_flows_are_left_alone() {
    let without = r#"{"reprocess_flows": false}"#;
    for option in [r#""linger": 600"#, r#""linger": 0"#] {
        let mut world = World::new(&one(BITTORRENT, option), Limits::default());
        world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
        world.told();
        world.reload(without);
        assert_eq!(world.told(), ["-s.v4 203.0.113.9"]);
        assert!(world.engine.elements().is_empty());
    }
}

#[test]
fn marks_and_labels_are_of_the_flow_and_go_with_the_match() {
    let text = r#"{"targets": {
        "mark": {"target_type": "ctmark", "mark": "0x1", "mask": "0xff0000", "shift": 16},
        "low": {"target_type": "ctmark", "mark": "0x3", "mask": "0xf"},
        "label": {"target_type": "ctlabel", "labels": [0, "127"]},
        "kill": {"target_type": "kill"}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["mark", "label", "kill"]},
                    "b": {"criteria": "*", "targets": ["low", "label"]}}}"#;
    let mut world = World::new(text, Limits::default());
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    let flow = "tcp 192.168.1.10:5000 > 203.0.113.9:6881";
    let both = "0x80000000000000000000000000000001";
    assert_eq!(
        world.told(),
        [
            format!("kill {flow}"),
            format!("label {both}/{both} {flow}"),
            format!("mark 0x10003/0xff000f {flow}")
        ]
    );
    world.tcp(PEER, CLIENT, TcpFlags::ACK, b"");
    world.reload(text);
    assert!(world.told().is_empty());
    // The label is still held by the other action.
    world.reload(&text.replace("protocol == 'bittorrent'", "protocol == 'dns'"));
    assert_eq!(world.told(), [format!("mark 0x0/0xff0000 {flow}")]);
    world.reload("{}");
    assert_eq!(world.told(), [format!("label 0x0/{both} {flow}"), format!("mark 0x0/0xf {flow}")]);
    // A flow that ends leaves its connection as it is: it may speak again.
    world.reload(text);
    world.told();
    world.tcp(CLIENT, PEER, TcpFlags::RST, b"");
    world.wait(10);
    assert!(world.told().is_empty() && world.engine.flows().is_empty());
}

#[test]
fn a_full_table_keeps_the_elements_of_flows_it_gave_up() {
    let limits = Limits { flows_max: 16, ..Limits::default() };
    let mut world = World::new(&one(BITTORRENT, r#""ttl": 600"#), limits);
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    world.told();
    for port in 1..200 {
        world.udp(&format!("192.168.1.77:{port}"), "203.0.113.1:9", b"\xf7\x11\x93\x04\xee\x01");
    }
    assert_eq!(world.engine.flows().len(), 16);
    assert!(world.told().is_empty());
    assert_eq!(world.engine.elements().len(), 1, "the flow with an element was not given up");
    for port in 1..40 {
        let peer = format!("198.51.100.1:{port}");
        world.tcp(CLIENT, &peer, TcpFlags::ACK, &handshake());
    }
    let removed = world.told().iter().filter(|line| line.starts_with('-')).count();
    assert_eq!(removed, 0, "what was evicted is left to the kernel's clock");
}

#[test]
fn memory_for_first_bytes_is_bounded() {
    let limits = Limits { gatherings_max: 8, idle: None, ..Limits::default() };
    let mut world = World::new(&one(BITTORRENT, r#""ttl": 600"#), limits);
    let half = &handshake()[..30];
    for port in 1..100 {
        world.tcp(&format!("192.168.1.10:{port}"), PEER, TcpFlags::SYN, b"");
        world.tcp(&format!("192.168.1.10:{port}"), PEER, TcpFlags::ACK, half);
    }
    let gathering = |world: &World| {
        world.engine.flows().iter().filter(|(_, f)| f.detection.gathering.is_some()).count()
    };
    assert_eq!(gathering(&world), 8);
    assert!(world.engine.counters().cut_short >= 91);
}

#[test]
fn frames_of_decided_flows_become_unwanted_and_wanted_again_at_the_end() {
    let limits = Limits { unwanted_after: Some(UNWANTED_AFTER), ..Limits::default() };
    let mut world = World::new(r#"{"version": 1}"#, limits);
    let (client, web, resolver) = ("192.168.1.10:40000", "203.0.113.9:22", "192.168.1.1:53");
    world.tcp(client, web, TcpFlags::SYN, b"");
    world.tcp(client, web, TcpFlags::ACK, b"SSH-2.0-OpenSSH_9.2\r\n");
    world.tcp(web, client, TcpFlags::ACK, b"SSH-2.0-OpenSSH_9.2\r\n");
    for _ in 3..UNWANTED_AFTER {
        assert_eq!(world.output.frames, [], "too early");
        world.tcp(web, client, TcpFlags::ACK, b"x");
    }
    let told: Vec<Frames> = world.output.frames.drain(..).collect();
    let [Frames::Unwanted(flow)] = told[..] else { panic!("{told:?}") };
    assert_eq!(flow.to_string(), format!("tcp {client} > {web}"));
    world.tcp(web, client, TcpFlags::ACK, b"x");
    for _ in 0..2 * UNWANTED_AFTER {
        // Every answer may teach a name.
        world.udp("192.168.1.10:5000", resolver, &dns("a.example", None));
        world.udp(resolver, "192.168.1.10:5000", &dns("a.example", Some([192, 0, 2, 1])));
    }
    assert_eq!(world.output.frames, [], "once, and never those that teach");
    world.tcp(client, web, TcpFlags::RST, b"");
    world.wait(10);
    assert_eq!(world.output.frames, [Frames::Wanted(flow)]);
}

#[test]
fn of_bittorrent_full_frames_become_unwanted_and_short_ones_still_teach() {
    let limits = Limits { unwanted_after: Some(UNWANTED_AFTER), ..Limits::default() };
    let mut world = World::new(r#"{"version": 1}"#, limits);
    world.tcp(CLIENT, PEER, TcpFlags::SYN, b"");
    world.tcp(CLIENT, PEER, TcpFlags::ACK, &handshake());
    for packets in 2.. {
        world.tcp(PEER, CLIENT, TcpFlags::ACK, b"x");
        if let Some(told) = world.output.frames.pop() {
            assert!(matches!(told, Frames::Hushed(_)), "{told:?}");
            assert!(packets > UNWANTED_AFTER, "its first packets are all read");
            return;
        }
        assert!(packets < 1000, "it never was");
    }
}

/// Whether the engine makes the fingerprint of a client of TLS, DTLS and QUIC.
fn fingerprints(configuration: &str, limits: Limits) -> Vec<bool> {
    let sample = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/dissect");
        std::fs::read(format!("{folder}/{name}.bin")).unwrap()
    };
    let mut world = World::new(configuration, limits);
    let (client, server) = ("192.168.1.5:40000", "203.0.113.9:443");
    world.tcp(client, server, TcpFlags::ACK, &sample("tls13-client"));
    world.tcp(server, client, TcpFlags::ACK, &sample("tls13-server"));
    world.udp("192.168.1.5:40001", "203.0.113.9:4433", &sample("dtls12"));
    world.udp("192.168.1.5:40002", server, &sample("quic-v1-client"));
    let mut flows: Vec<_> = world.engine.flows().iter().map(|(_, flow)| flow).collect();
    flows.sort_by_key(|flow| flow.first_seen);
    let facts = flows.into_iter().map(|flow| flow.detection.facts.as_deref().unwrap());
    facts
        .map(|facts| {
            assert!(facts.host.is_some());
            facts.details.iter().any(|detail| matches!(detail, Detail::TlsJa4(_)))
        })
        .collect()
}

#[test]
fn fingerprints_are_made_where_they_are_asked_for() {
    let action = |criteria: &str| {
        format!(r#"{{ "actions": {{ "a": {{ "criteria": "{criteria}", "targets": [] }} }} }}"#)
    };
    let none = Limits::default();
    assert_eq!(fingerprints(&action("protocol == 'tls';"), none), [false; 3]);
    assert_eq!(fingerprints(&action("tls_ja4 == 't13d';"), none), [true; 3]);
    let kept = Limits { keep_ended: true, ..none };
    assert_eq!(fingerprints(&action("protocol == 'tls';"), kept), [true; 3]);
    let exempt = r#"{ "actions": {}, "exemptions": ["tls_ja4 == 't13d';"] }"#;
    assert_eq!(fingerprints(exempt, none), [true; 3]);
}
