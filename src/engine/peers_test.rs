//! What names a flow beside its content, in simulated time.
//!
//! A dissector that stands in for that of encrypted BitTorrent sees its shape in what begins with
//! "shape", so that each rule is tested apart from what real shapes look like.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::bytes::Stop;
use crate::config;
use crate::dissect::{Dissector, Question, bittorrent};
use crate::effect::Effect;
use crate::facts::{Certainty, Facts};
use crate::flow::Known;
use crate::interface::Role;
use crate::lists::Lists;
use crate::net::{Endpoint, Mac, Transport};
use crate::prefix::Prefix;
use crate::swarm::Host;
use crate::wire::{TcpFlags, TcpInfo};

static SHAPED: Dissector = Dissector {
    name: "shaped",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&bittorrent::PROTOCOL],
    question: Question::Facts(shape),
    teach: None,
};

fn shape(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let certainty = match prefix.both() {
        [b"shape", b"shape"] => Certainty::Shape,
        [b"shape", b""] | [b"", b"shape"] => Certainty::HalfShape,
        _ => return Err(Stop::NotMine),
    };
    // The other direction may follow.
    let pending = certainty == Certainty::HalfShape;
    Ok(Facts { certainty, pending, ..Facts::of(&bittorrent::PROTOCOL) })
}

const PING: &[u8] = b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe";
const PONG: &[u8] = b"d1:rd2:id20:bbbbbbbbbbbbbbbbbbbbe1:t2:aa1:y1:re";
/// Nothing that anybody knows.
const NOISE: &[u8] = b"\xf7\x11\x93\x04\xee\x01\x52\xc8\x99\xfe";
const HANDSHAKE: &[u8] =
    b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05aaaaaaaaaaaaaaaaaaaa-XX0001-bbbbbbbbbbbb";
const SIP: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";

const CLIENT: &str = "192.168.1.10:51413";
const NODE: &str = "203.0.113.1:6881";
const PEER: &str = "203.0.113.9:25000";

struct World {
    engine: Engine,
    output: Output,
    now: u64,
    macs: [Option<Mac>; 2],
}

fn end(text: &str) -> Endpoint {
    let end: SocketAddr = text.parse().unwrap();
    Endpoint { addr: end.ip(), port: end.port() }
}

fn parse(options: &str) -> Config {
    let text = format!(
        r#"{{"bittorrent": {{{options}}},
            "targets": {{"t": {{"target_type": "ipset", "set_name": "s", "ttl": 600}}}},
            "actions": {{"a": {{"criteria": "protocol == 'bittorrent';", "targets": ["t"]}}}}}}"#
    );
    let (path, catalogue) = (Path::new("test.json"), Catalogue::empty());
    let (config, findings) = config::parse(&text, path, &catalogue, Lists::default()).unwrap();
    assert_eq!(findings, []);
    config
}

impl World {
    fn new(options: &str) -> Self {
        let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
        let (config, catalogue) = (parse(options), Arc::new(Catalogue::empty()));
        let (locality, limits) = (Locality::default(), Limits::default());
        let mut engine = Engine::new(config, catalogue, interfaces, locality, limits);
        engine.detector.ask_also(&SHAPED);
        World { engine, output: Output::default(), now: 1_000_000, macs: [None; 2] }
    }

    /// One whose client at `CLIENT` has spoken with a node of the DHT.
    fn active(options: &str) -> Self {
        let mut world = World::new(options);
        world.udp(CLIENT, NODE, PING);
        assert_eq!(world.told(), ["+203.0.113.1"]);
        world
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }

    fn packet(&mut self, transport: Transport, from: &str, to: &str, flags: u8, payload: &[u8]) {
        self.now += 10_000;
        let (source, destination) = (end(from), end(to));
        let tcp = (transport == Transport::Tcp).then(|| TcpInfo {
            flags: TcpFlags::from_bits(flags),
            sequence: 1000 + u32::from(flags & 2 == 0),
            acknowledgement: 0,
        });
        let packet = Packet {
            source_mac: self.macs[0],
            destination_mac: self.macs[1],
            vlan: None,
            source: source.addr,
            destination: destination.addr,
            transport,
            source_port: source.port,
            destination_port: destination.port,
            dscp: 0,
            tcp,
            payload,
            payload_len: u32::try_from(payload.len()).unwrap(),
            ip_len: 40,
        };
        self.engine.packet(self.at(), 0, &packet, &mut self.output);
    }

    fn udp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.packet(Transport::Udp, from, to, 0, payload);
    }

    fn syn(&mut self, from: &str, to: &str) {
        self.packet(Transport::Tcp, from, to, TcpFlags::SYN.bits(), b"");
    }

    fn tcp(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.packet(Transport::Tcp, from, to, TcpFlags::ACK.bits(), payload);
    }

    /// A connection whose first bytes have the shape both ways.
    fn shaped(&mut self, from: &str, to: &str) {
        self.syn(from, to);
        self.packet(Transport::Tcp, to, from, 0x12, b"");
        self.tcp(from, to, b"shape");
        self.tcp(to, from, b"shape");
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1_000_000;
            self.engine.tick(self.at(), &mut self.output);
        }
    }

    /// The flow between two ends, as it is told by what.
    fn found(&self, transport: Transport, a: &str, b: &str) -> (&'static str, &'static str) {
        let (key, _) = FlowKey::new(transport, end(a), end(b));
        let flow = self.engine.table.get(self.engine.table.find(&key).unwrap()).unwrap();
        let name = flow.detection.facts.as_ref().map_or("-", |facts| facts.protocol.name);
        (name, flow.detection.source().name())
    }

    fn hear(&mut self, a: &str, b: &str, direction: Direction, lesson: &Lesson) {
        let (key, _) = FlowKey::new(Transport::Udp, end(a), end(b));
        let id = self.engine.table.find(&key).unwrap();
        self.engine.hear(id, direction, lesson);
        self.engine.plan_sweep();
    }

    /// The node answers a query with peers.
    fn answer(&mut self, peers: &[&str]) {
        self.udp(NODE, CLIENT, PONG);
        for peer in peers {
            self.hear(CLIENT, NODE, Direction::Reply, &Lesson::Peer(end(peer)));
        }
    }

    /// Elements that came and went since the last call.
    fn told(&mut self) -> Vec<String> {
        let effects = self.output.effects.drain(..).filter_map(|effect| match effect {
            Effect::Add { element, .. } => Some(format!("+{element}")),
            Effect::Remove { element, .. } => Some(format!("-{element}")),
            _ => None,
        });
        effects.collect()
    }
}

const NAMED_BY_SWARM: (&str, &str) = ("BitTorrent", "swarm");
const INFERRED: (&str, &str) = ("BitTorrent", "inferred");
const UNKNOWN: (&str, &str) = ("-", "unknown");
const TCP: Transport = Transport::Tcp;
const UDP: Transport = Transport::Udp;

#[test]
fn a_flow_with_a_peer_that_was_told_has_its_name_from_its_first_payload() {
    let mut world = World::active("");
    world.answer(&[PEER]);
    let from = "192.168.1.10:40000";
    world.syn(from, PEER);
    assert_eq!(world.told(), [""; 0]);
    world.tcp(from, PEER, b"shape");
    assert_eq!(world.found(TCP, from, PEER), NAMED_BY_SWARM);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    let counters = world.engine.counters();
    assert_eq!((counters.named, counters.by_swarm, counters.unknown), (1, 1, 0));
    // The peer's own connection, from the socket that it has told.
    world.tcp(PEER, "192.168.1.10:40001", NOISE);
    assert_eq!(world.found(TCP, PEER, "192.168.1.10:40001"), NAMED_BY_SWARM);
}

#[test]
fn from_the_syn_if_that_is_wanted() {
    let mut world = World::active(r#""from_syn": true"#);
    world.answer(&[PEER]);
    world.syn("192.168.1.10:40000", PEER);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    world.syn("192.168.1.10:40000", "203.0.113.77:25000");
    assert_eq!(world.told(), [""; 0]);
    world.answer(&["203.0.113.77:25000"]);
    world.wait(3);
    assert_eq!(world.told(), ["+203.0.113.77"], "it is looked up when the peer is told");
}

#[test]
fn content_says_otherwise_and_the_element_goes() {
    let mut world = World::active("");
    world.answer(&[PEER]);
    world.udp("192.168.1.10:7100", PEER, NOISE);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    world.udp("192.168.1.10:7100", PEER, SIP);
    assert_eq!(world.found(UDP, "192.168.1.10:7100", PEER), ("SIP", "content"));
    assert_eq!(world.told(), ["-203.0.113.9"]);
    assert_eq!(world.engine.counters().contradicted, 1);
    world.udp("192.168.1.10:7101", PEER, NOISE);
    assert_eq!(world.told(), [""; 0], "the lie was unlearned");
}

#[test]
fn what_content_names_at_once_is_never_called_bittorrent() {
    let mut world = World::active("");
    world.answer(&[PEER]);
    world.udp(CLIENT, PEER, SIP);
    assert_eq!(world.found(UDP, CLIENT, PEER), ("SIP", "content"));
    assert_eq!(world.told(), [""; 0]);
    assert_eq!(world.engine.counters().by_swarm, 0);
}

#[test]
fn poisoned_lessons_name_no_service_and_no_neighbour() {
    let mut world = World::active("");
    let baits =
        ["8.8.8.8:53", "203.0.113.9:443", "203.0.113.9:5060", "192.168.1.5:9100", "224.0.0.9:9999"];
    world.answer(&baits);
    for bait in baits {
        for from in ["192.168.1.10:40000", "192.168.1.20:40000"] {
            world.udp(from, bait, NOISE);
            world.tcp(from, bait, NOISE);
        }
    }
    // What was told to one host names no flow of another that has no client.
    world.answer(&[PEER]);
    world.tcp("192.168.1.20:40000", PEER, NOISE);
    world.wait(10);
    assert_eq!(world.found(TCP, "192.168.1.20:40000", PEER), UNKNOWN);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn nobody_teaches_a_client_that_has_not_spoken() {
    let mut world = World::active("");
    let stranger = "203.0.113.66:6881";
    world.udp(stranger, CLIENT, PING);
    world.told();
    let lesson = Lesson::Peer(end(PEER));
    world.hear(stranger, CLIENT, Direction::Original, &lesson);
    assert_eq!(world.engine.swarm().knows(end(PEER), world.at()), None);
    world.udp(CLIENT, stranger, PONG);
    world.hear(stranger, CLIENT, Direction::Original, &lesson);
    assert_eq!(world.engine.swarm().knows(end(PEER), world.at()), Some(Known::Told));
    // A flow that only was supposed to be BitTorrent teaches nothing.
    world.udp("192.168.1.10:7100", PEER, NOISE);
    assert_eq!(world.found(UDP, "192.168.1.10:7100", PEER), NAMED_BY_SWARM);
    let other = Lesson::Peer(end("203.0.113.8:7777"));
    world.hear("192.168.1.10:7100", PEER, Direction::Original, &other);
    assert_eq!(world.engine.swarm().knows(end("203.0.113.8:7777"), world.at()), None);
}

#[test]
fn a_client_tells_its_port_and_so_do_its_flows() {
    let mut world = World::active("");
    // Its socket is known from the DHT: other datagrams of it are uTP.
    world.udp(CLIENT, PEER, NOISE);
    assert_eq!(world.found(UDP, CLIENT, PEER), NAMED_BY_SWARM);
    world.udp("203.0.113.7:1500", CLIENT, NOISE);
    assert_eq!(world.found(UDP, "203.0.113.7:1500", CLIENT), NAMED_BY_SWARM);
    world.udp(CLIENT, "203.0.113.7:53", NOISE);
    world.udp(CLIENT, "203.0.113.7:5060", NOISE);
    world.udp(CLIENT, "203.0.113.7:22000", NOISE);
    world.udp("192.168.1.10:7100", "203.0.113.7:1501", NOISE);
    assert_eq!(world.found(UDP, CLIENT, "203.0.113.7:53").1, "unknown", "a registered port");
    assert_eq!(world.found(UDP, CLIENT, "203.0.113.7:5060").1, "unknown");
    assert_eq!(world.found(UDP, CLIENT, "203.0.113.7:22000").1, "unknown", "somebody else's port");
    assert_eq!(world.found(UDP, "192.168.1.10:7100", "203.0.113.7:1501"), UNKNOWN);
    // Connections to the port that it has told, and none from it.
    let listens = Lesson::Listens { side: Direction::Original, port: 40_100 };
    world.hear(CLIENT, NODE, Direction::Original, &listens);
    world.tcp("203.0.113.7:1502", "192.168.1.10:40100", NOISE);
    world.tcp("192.168.1.10:40100", "203.0.113.7:1503", NOISE);
    world.tcp("203.0.113.7:1504", "192.168.1.10:40101", NOISE);
    let found = |from, to| world.found(TCP, from, to);
    assert_eq!(found("203.0.113.7:1502", "192.168.1.10:40100"), NAMED_BY_SWARM);
    assert_eq!(found("192.168.1.10:40100", "203.0.113.7:1503"), UNKNOWN);
    assert_eq!(found("203.0.113.7:1504", "192.168.1.10:40101"), UNKNOWN);
}

#[test]
fn flows_by_content_teach_their_ends() {
    let mut world = World::new("");
    world.tcp("192.168.1.10:40000", "203.0.113.9:443", HANDSHAKE);
    world.tcp("203.0.113.7:1500", "192.168.1.10:6881", HANDSHAKE);
    let swarm = world.engine.swarm();
    let known = |text| swarm.knows(end(text), world.at());
    assert_eq!(known("203.0.113.9:443"), Some(Known::Proven), "any port, for it was seen");
    assert_eq!(known("203.0.113.7:1500"), None, "a client's port means nothing");
    assert!(swarm.has_port(end("192.168.1.10:6881"), world.at()));
    assert!(!swarm.has_port(end("192.168.1.10:40000"), world.at()));
    world.told();
    world.tcp("192.168.1.10:40001", "203.0.113.9:443", NOISE);
    assert_eq!(world.found(TCP, "192.168.1.10:40001", "203.0.113.9:443"), NAMED_BY_SWARM);
    // A tracker is no peer, but who asks it has a client.
    let mut world = World::new("");
    let announce =
        b"GET /announce?info_hash=%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa\
        %aa%aa&peer_id=-XX0001-bbbbbbbbbbbb&port=6881&uploaded=0&downloaded=0&left=0 HTTP/1.1\r\n\
        Host: tracker.example\r\n\r\n";
    world.tcp("192.168.1.10:40000", "203.0.113.9:8000", announce);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", "203.0.113.9:8000").0, "BitTorrent");
    let swarm = world.engine.swarm();
    assert!(swarm.is_active(Host::Addr([192, 168, 1, 10].into()), world.at()));
    assert_eq!(swarm.knows(end("203.0.113.9:8000"), world.at()), None);
}

#[test]
fn a_lone_shape_is_unknown_unless_an_option_says_otherwise() {
    for (options, expected) in [
        ("", UNKNOWN),
        (r#""infer": "never""#, UNKNOWN),
        (r#""infer": "context""#, UNKNOWN),
        (r#""infer": "always""#, INFERRED),
    ] {
        let mut world = World::new(options);
        world.shaped("192.168.1.10:40000", PEER);
        world.shaped("192.168.1.10:40001", PEER);
        world.wait(5);
        assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), expected, "{options}");
        world.shaped("192.168.1.10:40002", "203.0.113.9:443");
        assert_ne!(world.found(TCP, "192.168.1.10:40002", "203.0.113.9:443"), INFERRED);
    }
}

#[test]
fn a_host_that_speaks_it_needs_no_more_than_the_shape() {
    for (options, expected) in [("", INFERRED), (r#""infer": "never""#, UNKNOWN)] {
        let mut world = World::active(options);
        world.shaped("192.168.1.10:40000", PEER);
        assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), expected, "{options}");
        world.shaped("192.168.1.20:40000", PEER);
        assert_eq!(world.found(TCP, "192.168.1.20:40000", PEER), UNKNOWN, "another host");
        world.shaped("192.168.1.10:40002", "203.0.113.9:443");
        let (name, source) = world.found(TCP, "192.168.1.10:40002", "203.0.113.9:443");
        assert_ne!((name, source), INFERRED, "an assigned port");
        // Another port of an active host with what has no shape.
        world.udp("192.168.1.10:7100", "203.0.113.7:1501", NOISE);
        assert_eq!(world.found(UDP, "192.168.1.10:7100", "203.0.113.7:1501"), UNKNOWN);
    }
}

#[test]
fn a_suspicion_is_kept_until_the_host_is_known() {
    let mut world = World::new("");
    world.shaped("192.168.1.10:40000", PEER);
    world.wait(60);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), UNKNOWN);
    world.udp(CLIENT, NODE, PING);
    world.told();
    world.wait(3);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), INFERRED);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    assert_eq!(world.engine.counters().inferred, 1);
}

#[test]
fn two_addresses_with_the_shape_are_context_and_the_earlier_one_follows() {
    let peers = ["203.0.113.1:7001", "203.0.113.2:7002", "203.0.113.3:7003"];
    let mut world = World::new("");
    world.shaped("192.168.1.10:40000", peers[0]);
    assert_eq!(world.told(), [""; 0]);
    world.shaped("192.168.1.10:40001", peers[1]);
    assert_eq!(world.told(), ["+203.0.113.2"]);
    world.wait(1);
    assert_eq!(world.told(), ["+203.0.113.1"]);
    world.shaped("192.168.1.10:40002", peers[2]);
    assert_eq!(world.told(), ["+203.0.113.3"]);

    let mut world = World::new(r#""infer": "never""#);
    for (peer, port) in peers.iter().zip(40_000..) {
        world.shaped(&format!("192.168.1.10:{port}"), peer);
    }
    world.wait(3);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_proxy_shows_itself_by_the_flows_that_lack_the_shape() {
    let mut world = World::active("");
    let server = "203.0.113.9:25000";
    world.shaped("192.168.1.10:40000", server);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", server), INFERRED);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    world.syn("192.168.1.10:40001", server);
    world.tcp("192.168.1.10:40001", server, NOISE);
    assert_eq!(world.found(TCP, "192.168.1.10:40001", server), UNKNOWN);
    world.wait(3);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", server), UNKNOWN, "taken back");
    assert_eq!(world.told(), ["-203.0.113.9"]);
    world.shaped("192.168.1.10:40002", server);
    assert_eq!(world.found(TCP, "192.168.1.10:40002", server), UNKNOWN);
    // Nor is it a witness about a host that does not speak it.
    world.syn("192.168.1.20:40001", server);
    for (peer, port) in [(server, 41000), ("203.0.113.2:7002", 41001), (server, 41002)] {
        world.shaped(&format!("192.168.1.20:{port}"), peer);
    }
    world.wait(3);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn who_has_connected_to_a_client_is_known_when_called_back() {
    let mut world = World::active("");
    let (inside, back) = ("192.168.1.10:40001", "203.0.113.7:25000");
    world.syn("203.0.113.7:1500", CLIENT);
    world.tcp("203.0.113.7:1500", CLIENT, NOISE);
    assert_eq!(world.found(TCP, "203.0.113.7:1500", CLIENT), NAMED_BY_SWARM);
    world.syn(inside, back);
    world.tcp(inside, back, NOISE);
    assert_eq!(world.found(TCP, inside, back), UNKNOWN, "it has neither form of a peer");
    for (inside, back, is) in [
        ("192.168.1.10:40002", "203.0.113.7:25001", NAMED_BY_SWARM),
        ("192.168.1.10:40003", "203.0.113.7:22", UNKNOWN),
        ("192.168.1.20:40002", "203.0.113.7:25001", UNKNOWN),
    ] {
        world.syn(inside, back);
        world.tcp(inside, back, b"shape");
        assert_eq!(world.found(TCP, inside, back), is, "{inside} {back}");
    }
}

#[test]
fn hearsay_ends_where_the_whole_look_says_otherwise() {
    let mut world = World::active("");
    world.answer(&[PEER, "203.0.113.8:7777"]);
    let game = "192.168.1.10:7100";
    world.udp(game, PEER, NOISE);
    assert_eq!(world.found(UDP, game, PEER), NAMED_BY_SWARM);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    for _ in 0..5 {
        world.udp(PEER, game, NOISE);
    }
    assert_eq!(world.found(UDP, game, PEER), UNKNOWN, "uTP would have shown its headers");
    assert_eq!(world.told(), ["-203.0.113.9"]);
    let from = "192.168.1.10:40000";
    world.syn(from, "203.0.113.8:7777");
    world.tcp(from, "203.0.113.8:7777", NOISE);
    assert_eq!(world.found(TCP, from, "203.0.113.8:7777"), UNKNOWN, "neither plain nor encrypted");
    world.wait(3);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn half_a_shape_needs_the_option_and_a_host_that_speaks_it() {
    for (options, active, expected) in [
        ("", true, UNKNOWN),
        (r#""infer": "always""#, false, UNKNOWN),
        (r#""infer": "always""#, true, INFERRED),
    ] {
        let mut world = if active { World::active(options) } else { World::new(options) };
        world.tcp("192.168.1.10:40000", PEER, b"shape");
        assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), expected, "{options} {active}");
    }
    // The other direction says that it is none, before the host is known.
    let mut world = World::new(r#""infer": "always""#);
    world.syn("192.168.1.10:40000", PEER);
    world.tcp("192.168.1.10:40000", PEER, b"shape");
    world.tcp(PEER, "192.168.1.10:40000", NOISE);
    world.udp(CLIENT, NODE, PING);
    world.wait(5);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), UNKNOWN);
}

#[test]
fn a_device_is_known_by_its_hardware_address_under_its_other_addresses() {
    let mut world = World::new("");
    world.macs = [Some(Mac([2, 0, 0, 0, 0, 1])), Some(Mac([2, 0, 0, 0, 0, 9]))];
    world.udp(CLIENT, NODE, PING);
    world.shaped("[fd00::10]:40000", "[2001:db8::9]:25000");
    let found = world.found(TCP, "[fd00::10]:40000", "[2001:db8::9]:25000");
    assert_eq!(found, INFERRED);
}

#[test]
fn what_is_known_ends_with_its_time() {
    let mut world = World::active("");
    world.answer(&[PEER]);
    world.wait(40 * 60);
    world.told();
    world.udp(CLIENT, PEER, NOISE);
    world.shaped("192.168.1.10:40000", PEER);
    assert_eq!(world.found(UDP, CLIENT, PEER), UNKNOWN);
    assert_eq!(world.found(TCP, "192.168.1.10:40000", PEER), UNKNOWN);
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_guess_by_port_gives_way_only_to_a_peer_that_was_seen() {
    let mut world = World::active("");
    world.tcp("192.168.1.10:40000", "203.0.113.9:5060", HANDSHAKE);
    world.told();
    world.syn("192.168.1.10:40001", "203.0.113.9:5060");
    world.tcp("192.168.1.10:40001", "203.0.113.9:5060", NOISE);
    assert_eq!(world.found(TCP, "192.168.1.10:40001", "203.0.113.9:5060"), NAMED_BY_SWARM);
    world.answer(&["203.0.113.8:5060"]);
    world.syn("192.168.1.10:40002", "203.0.113.8:5060");
    for _ in 0..12 {
        world.tcp("192.168.1.10:40002", "203.0.113.8:5060", NOISE);
    }
    assert_eq!(world.found(TCP, "192.168.1.10:40002", "203.0.113.8:5060"), ("SIP", "port"));
}

#[test]
fn a_table_of_many_flows_is_looked_through_in_pieces() {
    let mut world = World::new("");
    world.engine.table = FlowTable::new(1 << 15, None);
    for number in 0..20_000u32 {
        let from = IpAddr::V4((0x0a00_0000 + number).into());
        world.udp(&format!("{from}:7100"), PEER, NOISE);
    }
    for number in 0..3 {
        world.udp(&format!("10.0.{}.0:51413", number * 30), NODE, PING);
        world.hear(
            &format!("10.0.{}.0:51413", number * 30),
            NODE,
            Direction::Original,
            &Lesson::Peer(end(PEER)),
        );
    }
    world.told();
    world.wait(4);
    assert_eq!(world.told(), ["+203.0.113.9"]);
    assert_eq!(world.engine.counters().by_swarm, 3);
    assert_eq!(world.engine.sweep.due, None);
}
