//! What each stage of a packet's journey takes: `cargo bench`, or `cargo bench -- NAME` for some.
//! Netlink against the kernel at hand needs root, and says so without.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2)

#[path = "../tests/netlink/mod.rs"]
#[allow(dead_code, clippy::panic)]
mod netlink;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nfa::app::{Catalogue, DomainIndex};
use nfa::config;
use nfa::dissect;
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::{Flow, FlowKey, FlowTable, Locality, ends_of};
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::{Direction, Endpoint, Transport};
use nfa::netlink::ipset::{self, Entry, Family, Kind, Shape, SkbInfo};
use nfa::netlink::{Batch, Client};
use nfa::prefix::{Chunk, Prefix};
use nfa::time::Timestamp;
use nfa::wire::{self, LinkType, Packet};

/// Sizes that costs are measured over: flat or logarithmic is what they should be.
const SIZES: [u32; 3] = [10, 1_000, 100_000];

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: bench\r\n\r\n";

/// An Ethernet frame with a datagram.
fn frame(source: [u8; 4], ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(length(28 + payload.len()));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend(source);
    frame.extend([45, 0, 0, 1]);
    frame.extend(ports.map(u16::to_be_bytes).concat());
    frame.extend(length(8 + payload.len()));
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// A question for the address of `name`.
fn question(name: &str) -> Vec<u8> {
    let mut bytes = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Bytes that nobody knows, the same on every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn client(number: u32) -> [u8; 4] {
    [10, (number >> 16) as u8, (number >> 8) as u8, number as u8]
}

fn packet(frame: &[u8]) -> Packet<'_> {
    wire::decode(LinkType::Ethernet, frame).unwrap()
}

fn decoding(c: &mut Criterion) {
    let frame = frame([192, 168, 1, 2], [1024, 53], &question("www.example.org"));
    c.bench_function("decode", |b| b.iter(|| packet(black_box(&frame)).ip_len));
    c.bench_function("glance", |b| b.iter(|| wire::glance(LinkType::Ethernet, black_box(&frame))));
}

fn looking_up_flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("flow");
    for size in SIZES {
        let mut table = FlowTable::new(131_072, None);
        let keys: Vec<FlowKey> = (0..size)
            .map(|number| {
                let frame = frame(client(number), [1024, 53], b"x");
                let packet = packet(&frame);
                let (source, destination) = ends_of(&packet);
                table.insert(Flow::new(&packet, Timestamp::ZERO, 0, &Locality::default()));
                FlowKey::new(packet.transport, source, destination).0
            })
            .collect();
        let mut turn = keys.iter().cycle().step_by(7);
        group.bench_function(BenchmarkId::new("find", size), |b| {
            b.iter(|| table.find(turn.next().unwrap()));
        });
    }
    group.finish();
}

fn dissecting(c: &mut Criterion) {
    let payload = noise(200);
    let ask = |transport, port, payload: &[u8], number: usize| {
        let end = |port| Endpoint { addr: [192, 0, 2, 1].into(), port };
        let chunk = [Chunk {
            direction: Direction::Original,
            at: Timestamp::ZERO,
            start: 0,
            len: payload.len(),
        }];
        let prefix = Prefix::new(transport, [end(50_000), end(port)], [payload, &[]], &chunk);
        dissect::ALL[number].dissect(black_box(&prefix)).is_ok()
    };
    let mut group = c.benchmark_group("dissect");
    group.measurement_time(Duration::from_millis(300)).warm_up_time(Duration::from_millis(100));
    group.sample_size(20);
    for (number, dissector) in dissect::ALL.iter().enumerate() {
        for &transport in dissector.over {
            let name = format!("{transport:?}");
            group.bench_function(
                BenchmarkId::new(format!("noise/{}", dissector.name), name),
                |b| {
                    b.iter(|| ask(transport, 50_001, &payload, number));
                },
            );
        }
    }
    let number = |name: &str| dissect::ALL.iter().position(|known| known.name == name).unwrap();
    let dns = question("www.example.org");
    let named = [
        ("dns", Transport::Udp, 53, &dns[..]),
        ("http", Transport::Tcp, 80, REQUEST),
        ("quic", Transport::Udp, 443, include_bytes!("../tests/samples/dissect/quic-long-1.bin")),
        ("dtls", Transport::Udp, 443, include_bytes!("../tests/samples/dissect/dtls12.bin")),
    ];
    for (name, transport, port, payload) in named {
        let number = number(name);
        group.bench_function(BenchmarkId::new("own", name), |b| {
            b.iter(|| ask(transport, port, payload, number));
        });
    }
    group.finish();
}

fn looking_up_domains(c: &mut Criterion) {
    let mut group = c.benchmark_group("domain");
    for size in SIZES {
        let mut index = DomainIndex::default();
        for number in 0..size {
            index.insert(&format!("site{number}.example.org"), 1).unwrap();
        }
        for (kind, host) in [("known", "a.b.site7.example.org"), ("unknown", "www.example.com")] {
            group.bench_function(BenchmarkId::new(kind, size), |b| {
                b.iter(|| index.longest(black_box(host)));
            });
        }
    }
    group.finish();
}

/// An engine with that many actions, of which the last alone matches.
fn engine(actions: u32) -> Engine {
    let mut text = String::from("{\"version\": 1, \"actions\": {");
    for number in 1..=actions {
        let criteria = if number == actions {
            "protocol == 'dns';".to_owned()
        } else {
            format!("other_port == {number} && detected_hostname == 'site{number}.example.net';")
        };
        let comma = if number == actions { "" } else { "," };
        text.push_str(&format!(
            "\"a{number}\": {{\"criteria\": \"{criteria}\", \"targets\": [\"ipset.a\"]}}{comma}"
        ));
    }
    text.push_str(
        "}, \"targets\": {\"ipset.a\": {\"target_type\": \"ipset\", \"set_name\": \"a\",",
    );
    text.push_str("\"interface\": \"*\", \"type\": \"hash:ip\", \"managed\": true}}}");
    let catalogue = Catalogue::empty();
    let path = Path::new("bench.json");
    let (config, findings) = config::parse(&text, path, &catalogue, Lists::default()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let limits = Limits { flows_max: 1000, ..Limits::default() };
    Engine::new(config, Arc::new(catalogue), interfaces, Locality::default(), limits)
}

/// A whole new flow, decided by its only packet, with evaluation and the end of an older one.
fn new_flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("new flow");
    let dns = question("www.example.org");
    for actions in [1, 20, 200] {
        let mut engine = engine(actions);
        let mut output = Output::default();
        let mut number = 0u32;
        group.bench_function(BenchmarkId::new("actions", actions), |b| {
            b.iter(|| {
                number = number.wrapping_add(1);
                let frame = frame(client(number), [1024, 53], &dns);
                let at = Timestamp::from_micros(u64::from(number));
                engine.packet(at, 0, &packet(&frame), &mut output);
                output.effects.clear();
            });
        });
        assert!(engine.counters().hits > 0);
    }
    group.finish();
}

/// Adds to an ipset and deletions, in batches of that many; the time is of one of both.
fn kernel(c: &mut Criterion) {
    let mut group = c.benchmark_group("netlink");
    let Some(()) = netlink::namespace() else { return };
    let shape = Shape {
        kind: Kind::IpPortIp,
        family: Family::V4,
        timeout: Some(Duration::from_secs(120)),
        maxelem: 65536,
        hashsize: None,
        skbinfo: false,
    };
    let skb = SkbInfo { mark: None, prio: None, queue: None };
    let mut client = Client::open().unwrap();
    ipset::create(&mut client, "bench", &shape).unwrap();
    for size in [1, 200, 10_000] {
        let entries: Vec<Entry> = (0..size)
            .map(|number| {
                let addr = self::client(number).into();
                Entry::IpPortIp(addr, Transport::Tcp, 443, [45, 0, 0, 1].into())
            })
            .collect();
        let mut batch = Batch::new();
        let timeout = Some(Duration::from_secs(60));
        group.sample_size(10).throughput(Throughput::Elements(u64::from(size) * 2));
        group.bench_function(BenchmarkId::new("add and delete", size), |b| {
            b.iter(|| {
                for entry in &entries {
                    ipset::add(&mut batch, "bench", entry, timeout, &skb).unwrap();
                }
                assert!(client.commit(&mut batch).is_empty());
                for entry in &entries {
                    ipset::delete(&mut batch, "bench", entry).unwrap();
                }
                assert!(client.commit(&mut batch).is_empty());
            });
        });
    }
    group.finish();
}

criterion_group!(
    stages,
    decoding,
    looking_up_flows,
    dissecting,
    looking_up_domains,
    new_flows,
    kernel
);
criterion_main!(stages);
