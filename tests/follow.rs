//! Flows whose counters, rates and connections actions ask about, in simulated time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::config;
use nfa::effect::{Effect, Tracked};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::Transport;
use nfa::record;
use nfa::time::Timestamp;
use nfa::wire::{Packet, TcpFlags, TcpInfo};

/// A peer wire handshake (BEP 3): 19, the name, eight reserved bytes, torrent, peer.
fn handshake() -> Vec<u8> {
    let mut bytes = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec();
    bytes.extend_from_slice(b"aaaaaaaaaaaaaaaaaaaa-XX0001-bbbbbbbbbbbb");
    bytes
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::empty();
    let findings = catalogue.add_signatures(
        Path::new("test"),
        "app:124:netify.youtube\ndom:124:youtube.com\nnet:124:203.0.113.7/32\n",
    );
    assert!(findings.is_empty(), "{findings:?}");
    catalogue
}

fn parse(text: &str) -> config::Config {
    let path = Path::new("test.json");
    let (config, findings) = config::parse(text, path, &catalogue(), Lists::default()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    config
}

fn interfaces() -> Vec<Interface> {
    vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }]
}

struct World {
    engine: Engine,
    output: Output,
    now: u64,
}

impl World {
    fn new(configuration: &str) -> Self {
        let (config, catalogue) = (parse(configuration), Arc::new(catalogue()));
        let (locality, limits) = (Locality::default(), Limits::default());
        let engine = Engine::new(config, catalogue, interfaces(), locality, limits);
        World { engine, output: Output::default(), now: 0 }
    }

    fn packet(&mut self, transport: Transport, from: &str, to: &str, payload: &[u8]) {
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
            tcp: (transport == Transport::Tcp).then_some(TcpInfo {
                flags: TcpFlags::ACK,
                sequence: 1001,
                acknowledgement: 0,
            }),
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 40,
        };
        self.engine.packet(self.at(), 0, &packet, &mut self.output);
    }

    /// A second passes; then a segment.
    fn tcp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.wait(1);
        self.packet(Transport::Tcp, from, to, payload);
    }

    fn udp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.wait(1);
        self.packet(Transport::Udp, from, to, payload);
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
        let (config, catalogue) = (parse(configuration), Arc::new(catalogue()));
        self.engine.reload(config, catalogue, interfaces(), &mut self.output);
    }

    /// What was asked of the set since the last call.
    fn told(&mut self) -> Vec<String> {
        let told = self.output.effects.drain(..).map(|effect| match effect {
            Effect::Add { element, .. } => format!("+{element}"),
            Effect::Remove { element, .. } => format!("-{element}"),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    /// The record of the only flow.
    fn record(&self) -> serde_json::Value {
        let mut flows = self.engine.flows().iter();
        record::flow(&self.engine.view(flows.next().unwrap().1))
    }
}

const CLIENT: &str = "192.168.1.10:5000";
const PEER: &str = "203.0.113.9:6881";

/// One action with these criteria that fills a set without timeouts.
fn action(criteria: &str) -> String {
    format!(
        r#"{{"targets": {{"t": {{"target_type": "ipset", "set_name": "t"}}}},
        "actions": {{"a": {{"criteria": "{criteria}", "targets": ["t"]}}}}}}"#
    )
}

/// Packets of 40 bytes, one a second, and then silence: when an action's element comes and goes.
#[test]
fn what_changes_while_a_flow_lives_is_looked_at_again() {
    let end = 100;
    for (criteria, begins, ends) in [
        ("local_bytes > 1000", 27, end),
        ("total_packets >= 20 && other_bytes == 0", 21, end),
        ("src_packets < 10", 1, 11),
        // 40 bytes a second until the 60th, then nothing.
        ("local_rate > 30", 2, 67),
        ("src_rate", 2, 67),
        ("dst_rate > 0 || other_rate > 0", end, end),
        // The same bytes all the time: the first are no repetition.
        ("tcp_retrans >= 3", 5, end),
        ("tcp_seq_errors || tcp_resets || expiring", end, end),
        ("tcp_last_seq == 1001", 1, end),
        ("ts_last_seen == 5000", 6, 7),
    ] {
        let mut world = World::new(&action(&format!("{criteria};")));
        let (mut came, mut went) = (end, end);
        for second in 1..end {
            if second <= 60 {
                world.tcp(CLIENT, PEER, &handshake());
            } else {
                world.wait(1);
            }
            for line in world.told() {
                match line.as_str() {
                    "+203.0.113.9" if came == end => came = second,
                    "-203.0.113.9" if came < end && went == end => went = second,
                    other => panic!("{criteria}: {other} at {second}"),
                }
            }
        }
        assert_eq!((came, went), (begins, ends), "{criteria}");
    }
}

#[test]
fn nothing_is_followed_that_no_action_asks_about() {
    let off =
        action("local_bytes > 1000;").replace(r#""criteria""#, r#""enabled": false, "criteria""#);
    for configuration in [action("protocol == 'bittorrent' && vlan_id == 0;"), off] {
        let mut world = World::new(&configuration);
        let is_followed = |world: &World| {
            world.engine.flows().iter().any(|(_, flow)| flow.stirred || flow.followed.is_some())
        };
        world.tcp(CLIENT, PEER, &handshake());
        assert!(!is_followed(&world) && world.output.questions.is_empty());
        // A reload may ask, and the next one no more.
        world.reload(&action("local_rate > 1 && ct_mark;"));
        assert!(is_followed(&world));
        world.wait(2);
        assert_eq!(world.output.questions.drain(..).count(), 2);
        world.reload(&configuration);
        assert!(!is_followed(&world));
        world.tcp(CLIENT, PEER, &handshake());
        assert!(!is_followed(&world) && world.output.questions.is_empty());
    }
}

/// What an answer of connection tracking changes, and when it is asked for.
#[test]
fn connection_tracking_is_asked_where_an_action_needs_it() {
    let end = |text: &str| nfa::net::Endpoint { addr: text.parse().unwrap(), port: 6881 };
    let answer = |mark| Tracked {
        id: 77,
        mark,
        has_nat: true,
        reply: [end("203.0.113.9"), end("198.51.100.1")],
    };
    let asked = |world: &mut World| {
        let questions = std::mem::take(&mut world.output.questions);
        questions.into_iter().next().map(|question| {
            assert_eq!(question.flow.to_string(), "tcp 192.168.1.10:5000 > 203.0.113.9:6881");
            question.id
        })
    };
    for criteria in [
        "ip_nat",
        "ct_id == 77",
        "ct_reply_dst_ip == 198.51.100.0/24 && ct_reply_src_ip == 203.0.113.9",
        "conntrack_mark == 0x5",
    ] {
        let mut world = World::new(&action(&format!("{criteria};")));
        world.tcp(CLIENT, PEER, &handshake());
        // Its connection was not entered yet; a second later it is.
        let id = asked(&mut world).unwrap();
        world.engine.tracked(id, None, &mut world.output);
        assert_eq!((world.told(), asked(&mut world)), (vec![], None), "{criteria}");
        world.wait(2);
        assert_eq!(asked(&mut world), Some(id));
        world.engine.tracked(id, Some(answer(5)), &mut world.output);
        assert_eq!(world.told(), ["+203.0.113.9"], "{criteria}");
        // What can change is asked about again, but not in silence.
        world.wait(5);
        assert_eq!(asked(&mut world), None);
        world.tcp(CLIENT, PEER, b"x");
        world.wait(2);
        let again = asked(&mut world);
        assert_eq!(again.is_some(), criteria.contains("mark"), "{criteria}");
        if again.is_some() {
            world.engine.tracked(id, Some(answer(6)), &mut world.output);
            assert_eq!(world.told(), ["-203.0.113.9"]);
            let conntrack = serde_json::json!({ "id": 77, "mark": 6,
                "reply_src_ip": "203.0.113.9", "reply_src_port": 6881,
                "reply_dst_ip": "198.51.100.1", "reply_dst_port": 6881 });
            let record = world.record();
            assert_eq!((&record["conntrack"], &record["ip_nat"]), (&conntrack, &true.into()));
        }
    }
    // One that is never known is given up.
    let mut world = World::new(&action("ct_id;"));
    let mut questions = 0;
    for _ in 0..20 {
        world.tcp(CLIENT, PEER, &handshake());
        if let Some(id) = asked(&mut world) {
            questions += 1;
            world.engine.tracked(id, None, &mut world.output);
        }
    }
    assert_eq!(questions, 4);
}

/// More flows than one turn takes: all get theirs within a second more.
#[test]
fn many_flows_are_looked_at_in_turns() {
    let mut world = World::new(&action("local_packets > 1;"));
    world.wait(1);
    for _ in 0..2 {
        for port in 1..=3000 {
            let from = format!("192.168.1.10:{port}");
            world.packet(Transport::Udp, &from, "203.0.113.9:53", b"\x12\x34");
        }
    }
    let stirred = |world: &World| world.engine.flows().iter().filter(|(_, f)| f.stirred).count();
    assert_eq!(stirred(&world), 3000);
    for left in [1976, 952, 0] {
        let due = world.engine.next_deadline().unwrap();
        world.engine.tick(due, &mut world.output);
        assert_eq!(stirred(&world), left);
    }
}

#[test]
fn the_fields_that_change_are_these() {
    let fields: Vec<&str> = nfa::policy::changing_fields().collect();
    let expected = "ip_nat expiring conntrack_id conntrack_mark ct_reply_src_ip ct_reply_dst_ip \
                    local_bytes other_bytes src_bytes dst_bytes total_bytes local_packets \
                    other_packets src_packets dst_packets total_packets local_rate other_rate \
                    src_rate dst_rate ts_last_seen tcp_resets tcp_retrans tcp_seq_errors \
                    tcp_fin_ack tcp_last_seq";
    assert_eq!(fields, expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_reload_leaves_the_age_of_flows_alone() {
    let configuration = action("*");
    let mut world = World::new(&configuration);
    world.udp(CLIENT, "203.0.113.7:53", b"\x12\x34");
    world.udp(CLIENT, "203.0.113.8:53", b"\x12\x34");
    world.wait(10);
    world.udp(CLIENT, "203.0.113.7:53", b"\x12\x34");
    world.reload(&configuration);
    world.told();
    world.wait(20); // 30 s after the second flow's only packet
    let left: Vec<String> =
        world.engine.flows().iter().map(|(_, flow)| flow.other().addr.to_string()).collect();
    assert_eq!(left, ["203.0.113.7"], "the other is older, and ends first");
}

#[test]
fn times_are_those_of_the_wall() {
    let mut world = World::new(&action("ts_first_seen >= 1774746000000;"));
    world.engine.set_wall_clock(world.at(), 1_774_746_000_250_000);
    world.tcp(CLIENT, PEER, &handshake());
    assert_eq!(world.told(), ["+203.0.113.9"]);
}

/// What an application was told by, what a STUN server said, and what the facts show.
#[test]
fn facts_have_their_fields() {
    let http = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    // A binding answered: RFC 8489, and RFC 5780 section 7.
    let mut stun = b"\x01\x01\x00\x18\x21\x12\xa4\x42abcdefghijkl".to_vec();
    stun.extend_from_slice(b"\x80\x2b\x00\x08\x00\x01\x0d\x96\xc0\x00\x02\x01");
    stun.extend_from_slice(b"\x80\x2c\x00\x08\x00\x01\x0d\x97\xc0\x00\x02\x02");
    for (criteria, to, payload) in [
        ("app == 'youtube' && app_ip_override", "203.0.113.7:80", http("a.example")),
        ("app == 'youtube' && !app_ip_override", "203.0.113.7:80", http("www.youtube.com")),
        ("!app && !app_ip_override && !app_proto_twins", "203.0.113.9:80", http("a.example")),
        ("!risks", "203.0.113.9:80", http("a.example")),
        ("risks == 'Known Protocol on Non-standard Port'", "203.0.113.9:7", http("a.example")),
        ("risks == 16 && risks != 41 && !expiring", "203.0.113.9:7", http("a.example")),
        ("ndpi_risk_score == 50 && ndpi_risk_client == 25", "203.0.113.9:7", http("a.example")),
        ("!ndpi_risk_score && !ndpi_risk_server", "203.0.113.9:80", http("a.example")),
    ] {
        let mut world = World::new(&action(&format!("{criteria};")));
        world.tcp(CLIENT, to, &payload);
        assert_eq!(world.told().len(), 1, "{criteria}");
    }
    for criteria in ["stun_response == 192.0.2.1", "stun_other == 192.0.2.2 && !stun_mapped"] {
        let mut world = World::new(&action(&format!("{criteria};")));
        world.udp("203.0.113.9:3478", CLIENT, &stun);
        assert_eq!(world.told(), ["+203.0.113.9"], "{criteria}");
        assert_eq!(world.record()["stun"]["response"], "192.0.2.1:3478");
    }
    let mut world = World::new(&action("*"));
    world.tcp(CLIENT, "203.0.113.9:7", &http("a.example"));
    let expected = serde_json::json!(["Known Protocol on Non-standard Port"]);
    assert_eq!(world.record()["risks"]["risks"], expected);
}
