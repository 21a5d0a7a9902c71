//! Records of flows have the fields of the public format (spec section 3.1) and no others, so that
//! what reads netifyd's records reads ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nfa::app::Catalogue;
use nfa::control::{Teller, Usage};
use nfa::effect::{Accounts, Effect, FiveTuple};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::net::{Mac, Transport};
use nfa::time::Timestamp;
use nfa::wire::Packet;
use serde_json::Value;

/// Each field and its JSON type; those of a block under `BLOCK.`.
const FIELDS: &[(&str, &str)] = &[
    ("first_seen_at", "number"),
    ("last_seen_at", "number"),
    ("ip_version", "number"),
    ("ip_protocol", "number"),
    ("ip_dscp", "number"),
    ("ip_nat", "flag"),
    ("vlan_id", "number"),
    ("local_ip", "text"),
    ("local_mac", "text"),
    ("local_port", "number"),
    ("other_ip", "text"),
    ("other_mac", "text"),
    ("other_port", "number"),
    ("other_type", "text"),
    ("local_origin", "flag"),
    ("detected_application", "number"),
    ("detected_application_name", "text"),
    ("detected_protocol", "number"),
    ("detected_protocol_name", "text"),
    ("detection_guessed", "flag"),
    ("detection_source", "text"), // our own
    ("detection_updated", "flag"),
    ("detection_packets", "number"),
    ("dhc_hit", "flag"),
    ("dns_host_name", "text"),
    ("host_server_name", "text"),
    ("conntrack.id", "number"),
    ("conntrack.mark", "number"),
    ("conntrack.reply_src_ip", "text"),
    ("conntrack.reply_src_port", "number"),
    ("conntrack.reply_dst_ip", "text"),
    ("conntrack.reply_dst_port", "number"),
    ("risks.risks", "list"),
    ("risks.ndpi_risk_score", "number"),
    ("risks.ndpi_risk_client", "number"),
    ("risks.ndpi_risk_server", "number"),
    ("ssl.version", "text"),
    ("ssl.cipher_suite", "text"),
    ("ssl.client_sni", "text"),
    ("ssl.server_cn", "text"),
    ("ssl.issuer_dn", "text"),
    ("ssl.subject_dn", "text"),
    ("ssl.alpn", "list"),
    ("ssl.alpn_server", "list"),
    ("ssl.client_ja4", "text"),
    ("ssl.encrypted_ch_version", "text"),
    ("http.user_agent", "text"),
    ("http.url", "text"),
    ("dhcp.fingerprint", "text"),
    ("dhcp.class_ident", "text"),
    ("ssh.client", "text"),
    ("ssh.server", "text"),
    ("mdns.answer", "text"),
    ("stun.mapped", "text"),
    ("stun.peer", "text"),
    ("stun.relayed", "text"),
    ("stun.response", "text"),
    ("stun.other", "text"),
    ("bt.info_hash", "text"),
    ("local_bytes", "number"),
    ("other_bytes", "number"),
    ("total_bytes", "number"),
    ("local_packets", "number"),
    ("other_packets", "number"),
    ("total_packets", "number"),
    // Tags where the format has numbers, which stand beside them.
    ("category.application", "text"),
    ("category.application_id", "number"),
    ("category.protocol", "text"),
    ("category.protocol_id", "number"),
    ("category.domain", "list"),
    ("category.domain_id", "list"),
    ("category.local_network", "list"),
    ("category.local_network_id", "list"),
    ("category.other_network", "list"),
    ("category.other_network_id", "list"),
    // Our own.
    ("quic.version", "text"),
    ("smtp.tls", "flag"),
];

/// What every record has.
const ALWAYS: &[&str] = &[
    "first_seen_at",
    "last_seen_at",
    "ip_version",
    "ip_protocol",
    "local_ip",
    "other_ip",
    "other_type",
    "detected_application_name",
    "detected_protocol_name",
    "category.application",
    "total_bytes",
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Bool(_) => "flag",
        Value::Array(_) => "list",
        Value::Object(_) => "block",
        Value::Null => "null",
    }
}

fn check(flow: &Value, seen: &mut BTreeMap<String, u32>) {
    let mut own = Vec::new();
    for (key, value) in flow.as_object().unwrap() {
        match value {
            Value::Object(block) => {
                own.extend(block.iter().map(|(inner, value)| (format!("{key}.{inner}"), value)));
            }
            value => own.push((key.clone(), value)),
        }
    }
    for (name, value) in &own {
        let known = FIELDS.iter().find(|(field, _)| field == name);
        let (_, wanted) = known.unwrap_or_else(|| panic!("a field of no format: {name} in {flow}"));
        assert_eq!(kind(value), *wanted, "{name} in {flow}");
        *seen.entry(name.clone()).or_default() += 1;
    }
    for name in ALWAYS {
        assert!(own.iter().any(|(own, _)| own == name), "no {name} in {flow}");
    }
}

#[test]
fn records_have_the_fields_of_the_public_format() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let captures = fs::read_dir(root.join("tests/pcap")).unwrap();
    let captures = captures.map(|entry| entry.unwrap().path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfa"));
    command.current_dir(&root).arg("replay");
    command.args(captures.filter(|path| path.extension().is_some_and(|end| end == "pcap")));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut seen = BTreeMap::new();
    let mut flows = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["type"] == "flow" {
            check(&record["flow"], &mut seen);
            flows += 1;
        }
    }
    println!("{flows} records, {} of {} fields seen", seen.len(), FIELDS.len());
    assert!(flows > 20 && seen.len() > 30, "{flows} records, {} fields", seen.len());
}

/// The record of a request to a web server under a configuration with that `privacy`.
fn record(privacy: &str) -> Value {
    let config = format!(
        r#"{{"privacy": {privacy},
            "actions": {{"a": {{"criteria": "protocol == 'http';", "targets": ["s"]}}}},
            "targets": {{"s": {{"target_type": "sink",
                "path": "/tmp/nfa-records.sock"}}}}}}"#
    );
    let catalogue = Catalogue::empty();
    let parsed = nfa::config::parse(&config, Path::new("t.json"), &catalogue, Lists::default());
    let (config, findings) = parsed.unwrap();
    println!("{findings:?}");
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let (locality, limits) = (Locality::default(), Limits::default());
    let mut engine = Engine::new(config, Arc::new(catalogue), interfaces, locality, limits);
    let payload = b"GET /secret HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: phone\r\n\r\n";
    let packet = Packet {
        source_mac: Some(Mac([2, 0, 0, 0, 0, 9])),
        destination_mac: None,
        vlan: None,
        source: [192, 168, 1, 9].into(),
        destination: [203, 0, 113, 1].into(),
        transport: Transport::Tcp,
        source_port: 40000,
        destination_port: 80,
        dscp: 0,
        tcp: Some(nfa::wire::TcpInfo {
            flags: nfa::wire::TcpFlags::ACK,
            sequence: 1,
            acknowledgement: 0,
        }),
        payload,
        payload_len: u32::try_from(payload.len()).unwrap(),
        ip_len: 200,
    };
    let mut output = Output::default();
    engine.packet(Timestamp::from_micros(5), 0, &packet, &mut output);
    let mut records = output.effects.into_iter().filter_map(|effect| match effect {
        Effect::Record { record, .. } => Some(*record),
        _ => None,
    });
    records.next().unwrap()
}

#[test]
fn what_leaves_the_daemon_says_no_more_than_is_wanted() {
    let plain = record("{}").to_string();
    for secret in ["www.example.org", "192.168.1.9", "02:00:00:00:00:09", "phone", "/secret"] {
        assert!(plain.contains(secret), "{secret}: {plain}");
    }
    for treatment in ["hash", "drop"] {
        let privacy = format!(r#"{{"hosts": "{treatment}", "clients": "{treatment}"}}"#);
        let record = record(&privacy);
        let text = record.to_string();
        for secret in ["example.org", "192.168.1.9", "02:00:00:00:00:09", "phone", "secret"] {
            assert!(!text.contains(secret), "{treatment}, {secret}: {text}");
        }
        assert_eq!(record["other_ip"], "203.0.113.1");
        assert_eq!(record["host_server_name"].is_string(), treatment == "hash");
    }
    // What nobody understands hides, rather than tells.
    assert!(!record(r#"{"hosts": "hsah"}"#).to_string().contains("example.org"));
}

/// Fields that records of telemetry have beside those of `flow`, by the spec's list: the envelope,
/// and what only one type has.
const ENVELOPE: &[(&str, &str)] =
    &[("type", "text"), ("interface", "text"), ("internal", "flag"), ("flow", "block")];
const COUNTERS: &[(&str, &str)] = &[
    ("digest", "text"),
    ("first_seen_at", "number"),
    ("last_seen_at", "number"),
    ("local_bytes", "number"),
    ("other_bytes", "number"),
    ("total_bytes", "number"),
    ("local_packets", "number"),
    ("other_packets", "number"),
    ("total_packets", "number"),
    ("local_rate", "number"),
    ("other_rate", "number"),
    ("detection_packets", "number"),
];
const STATUS: &[(&str, &str)] = &[
    ("type", "text"),
    ("agent_version", "text"),
    ("timestamp", "number"),
    ("uptime", "number"),
    ("update_interval", "number"),
    ("cpu_cores", "number"),
    ("cpu_user", "number"),
    ("cpu_system", "number"),
    ("flow_count", "number"),
    ("flows_active", "number"),
    ("flows_in_use", "number"),
    ("flows_expired", "number"),
    ("flows_purged", "number"),
    ("memrss_kb", "number"),
    ("maxrss_kb", "number"),
    ("dhc_status", "flag"),
    ("dhc_size", "number"),
    ("records_left_out", "number"), // our own
];

/// Every field of an object is on the list with that type, and every field of the list is there.
fn exactly(object: &Value, fields: &[(&str, &str)]) {
    let found = object.as_object().unwrap();
    for (name, value) in found {
        let known = fields.iter().find(|(field, _)| field == name);
        let (_, wanted) = known.unwrap_or_else(|| panic!("a field of no format: {name}: {object}"));
        let own = if value.is_object() { "block" } else { kind(value) };
        assert_eq!(own, *wanted, "{name} in {object}");
    }
    for (name, _) in fields {
        assert!(found.contains_key(*name), "no {name} in {object}");
    }
}

/// Checks a record of telemetry; gives its type.
fn check_telemetry(record: &Value, seen: &mut BTreeMap<String, u32>) -> String {
    let name = record["type"].as_str().unwrap().to_owned();
    match name.as_str() {
        "agent_status" => exactly(record, STATUS),
        "flow" | "flow_dpi_update" | "flow_dpi_complete" => {
            exactly(record, ENVELOPE);
            let mut flow = record["flow"].clone();
            let digest = flow.as_object_mut().unwrap().remove("digest").unwrap();
            assert_eq!(digest.as_str().unwrap().len(), 40, "{record}");
            assert!(flow.get("total_bytes").is_none(), "counters are told apart: {record}");
            flow["total_bytes"] = 0.into();
            check(&flow, seen);
        }
        "flow_stats" => {
            exactly(record, ENVELOPE);
            exactly(&record["flow"], COUNTERS);
        }
        "flow_purge" => {
            let purge = [ENVELOPE, &[("reason", "text")]].concat();
            exactly(record, &purge);
            assert!(["closed", "expired"].contains(&record["reason"].as_str().unwrap()));
            exactly(&record["flow"], COUNTERS);
        }
        other => panic!("a record of no type of the format: {other}"),
    }
    name
}

const EVERY_SECOND: Duration = Duration::from_secs(1);

/// An engine under that configuration, fed with a capture; what telemetry tells of it, a round after
/// each second of it and one minute more.
fn told(config: &str, capture: &Path) -> Vec<Value> {
    let catalogue = Catalogue::empty();
    let parsed = nfa::config::parse(config, Path::new("t.json"), &catalogue, Lists::default());
    let (config, findings) = parsed.unwrap();
    assert_eq!(findings.len(), 0, "{findings:?}");
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let (locality, limits) =
        (Locality::default(), Limits { keep_ended: true, ..Limits::default() });
    let mut engine = Engine::new(config, Arc::new(catalogue), interfaces, locality, limits);
    let (mut output, mut teller) = (Output::default(), Teller::default());
    let mut file = nfa::capture::CaptureFile::open(capture).unwrap();
    let (mut next, mut now) = (Timestamp::ZERO, Timestamp::ZERO);
    let usage = Usage { resident_kib: 2048, peak_kib: 4096, cpu_centis: 200, system_centis: 50 };
    let mut records = Vec::new();
    let mut round = |engine: &mut Engine, output: &mut Output, now| {
        engine.tick(now, output);
        let ended = std::mem::take(&mut output.ended);
        teller.ended(engine, now, &ended, &mut output.effects);
        teller.round(engine, now, (Timestamp::ZERO, usage), &mut output.effects);
        records.extend(output.effects.drain(..).filter_map(|effect| match effect {
            Effect::Record { record, .. } => Some(*record),
            _ => None,
        }));
    };
    while let Some(frame) = file.next_frame().unwrap() {
        now = frame.at;
        if next == Timestamp::ZERO {
            next = now.after(EVERY_SECOND);
        }
        while now >= next {
            round(&mut engine, &mut output, next);
            next = next.after(EVERY_SECOND);
        }
        if let Ok(packet) = nfa::wire::decode(frame.link, frame.bytes) {
            engine.packet(now, 0, &packet, &mut output);
        }
    }
    for _ in 0..400 {
        now = now.after(EVERY_SECOND);
        round(&mut engine, &mut output, now);
    }
    records
}

/// A flow's records in their order, and their sums: what a consumer relies on.
#[test]
fn telemetry_tells_each_flow_from_its_name_to_its_end() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut seen = BTreeMap::new();
    let mut types: BTreeMap<String, usize> = BTreeMap::new();
    let mut captures = 0;
    for entry in fs::read_dir(root.join("tests/pcap")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "pcap") {
            continue;
        }
        captures += 1;
        let records = told(r#"{"telemetry": {"interval": 2}}"#, &path);
        let mut flows: BTreeMap<String, (Vec<String>, u64, u64)> = BTreeMap::new();
        for record in &records {
            let name = check_telemetry(record, &mut seen);
            *types.entry(name.clone()).or_default() += 1;
            let Some(digest) = record["flow"]["digest"].as_str() else { continue };
            let (told, bytes, packets) = flows.entry(digest.to_owned()).or_default();
            if name == "flow_stats" || name == "flow_purge" {
                let sum = |a: &str, b: &str| {
                    record["flow"][a].as_u64().unwrap() + record["flow"][b].as_u64().unwrap()
                };
                *bytes += sum("local_bytes", "other_bytes");
                *packets += sum("local_packets", "other_packets");
                assert_eq!(record["flow"]["total_bytes"], *bytes, "{record}");
                assert_eq!(record["flow"]["total_packets"], *packets, "{record}");
            }
            told.push(name);
        }
        let summary = Command::new(env!("CARGO_BIN_EXE_nfa"))
            .current_dir(&root)
            .args(["replay", path.to_str().unwrap()])
            .output()
            .unwrap();
        let replayed = String::from_utf8(summary.stdout).unwrap();
        let is_flow = |line: &&str| line.starts_with("{\"type\":\"flow\"");
        let begun = replayed.lines().filter(is_flow).count();
        assert_eq!(flows.len(), begun, "{}: every flow and no other", path.display());
        for (digest, (told, ..)) in &flows {
            let place = |name: &str| told.iter().position(|told| told == name);
            let once = |name: &str| told.iter().filter(|told| *told == name).count();
            assert_eq!(place("flow"), Some(0), "{digest}: {told:?}");
            assert_eq!(place("flow_purge"), Some(told.len() - 1), "{digest}: {told:?}");
            for name in ["flow", "flow_dpi_complete", "flow_purge"] {
                assert_eq!(once(name), 1, "{digest}: {told:?}");
            }
        }
    }
    println!("{captures} captures, {types:?}, {} fields of flows", seen.len());
    for name in ["flow", "flow_dpi_complete", "flow_stats", "flow_purge", "agent_status"] {
        assert!(types[name] > 20, "{name}: {types:?}");
    }
    assert!(captures > 20 && seen.len() > 30);
}

#[test]
fn telemetry_has_only_the_records_that_are_wanted_and_says_no_more_than_privacy_lets_it() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let capture = root.join("tests/pcap/tls_youtube.pcap");
    let config = r#"{"telemetry": {"records": ["flow_purge", "flow_dpi_complete"]},
        "privacy": {"hosts": "hash", "clients": "drop"}}"#;
    let clear: Vec<Value> = told(r#"{"telemetry": {"records": ["flow"]}}"#, &capture);
    let hidden = told(config, &capture);
    let types: std::collections::BTreeSet<&str> =
        hidden.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(types.into_iter().collect::<Vec<_>>(), ["flow_dpi_complete", "flow_purge"]);
    let text: String = hidden.iter().map(Value::to_string).collect();
    let mut secrets = 0;
    for record in &clear {
        for key in ["local_ip", "local_mac", "host_server_name", "dns_host_name"] {
            let Some(secret) = record["flow"][key].as_str() else { continue };
            assert!(!text.contains(secret), "{secret} in {text}");
            secrets += 1;
        }
    }
    assert!(secrets >= 3, "{secrets} in {clear:?}");
}

/// A datagram of SIP from a client's port, or the answer to it.
fn call(port: u16, answer: bool) -> Packet<'static> {
    const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";
    let (client, server) = ([192, 168, 1, 9].into(), [203, 0, 113, 1].into());
    let ends = if answer { (server, client) } else { (client, server) };
    let ports = if answer { (5060, port) } else { (port, 5060) };
    Packet {
        source_mac: None,
        destination_mac: None,
        vlan: None,
        source: ends.0,
        destination: ends.1,
        transport: Transport::Udp,
        source_port: ports.0,
        destination_port: ports.1,
        dscp: 0,
        tcp: None,
        payload: INVITE,
        payload_len: u32::try_from(INVITE.len()).unwrap(),
        ip_len: 100,
    }
}

fn engine(config: &str, limits: Limits) -> Engine {
    let catalogue = Catalogue::empty();
    let parsed = nfa::config::parse(config, Path::new("t.json"), &catalogue, Lists::default());
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    Engine::new(parsed.unwrap().0, Arc::new(catalogue), interfaces, Locality::default(), limits)
}

/// More flows than anybody reads about end at once: so many are told, the others counted.
#[test]
fn a_flood_of_flows_is_told_in_part_and_counted() {
    let limits = Limits { keep_ended: true, flows_max: 16, ..Limits::default() };
    let mut engine = engine(r#"{"telemetry": {}}"#, limits);
    let (mut output, mut teller) = (Output::default(), Teller::default());
    let now = Timestamp::from_micros(1_000_000);
    for port in 1000..4000 {
        engine.packet(now, 0, &call(port, false), &mut output);
    }
    let ended = std::mem::take(&mut output.ended);
    assert_eq!(ended.len(), 3000 - 16);
    let mut effects = Vec::new();
    teller.ended(&engine, now, &ended, &mut effects);
    let told = effects.len();
    assert!((256..264).contains(&told), "{told}");
    teller.round(&engine, now, (Timestamp::ZERO, Usage::default()), &mut effects);
    let status = effects.iter().find_map(|effect| match effect {
        Effect::Record { record, .. } if record["type"] == "agent_status" => Some(record),
        _ => None,
    });
    let left_out = status.unwrap()["records_left_out"].as_u64().unwrap();
    assert_eq!(usize::try_from(left_out).unwrap(), ended.len() - told.div_ceil(3));
}

/// What connection tracking counted is added once, whoever sends first in the tuple that was asked;
/// frames that are counted here later are not added to it again; and the flow lives on.
#[test]
fn volumes_that_pass_by_are_added_once() {
    let mut engine = engine("{}", Limits::default());
    let mut output = Output::default();
    let second = |second: u64| Timestamp::from_micros(second * 1_000_000);
    engine.packet(second(1), 0, &call(4000, false), &mut output);
    engine.packet(second(1), 0, &call(4000, true), &mut output);
    let (id, tuple) = engine.accountable(0, 64).next().unwrap();
    let volume = |engine: &Engine| {
        let flow = engine.flows().get(id).unwrap();
        (flow.packets, flow.bytes)
    };
    assert_eq!(volume(&engine), ([1, 1], [100, 100]));
    let mut added = Default::default();
    let found = Accounts { packets: [5, 9], bytes: [500, 9000], offloaded: true };
    engine.account(id, &tuple, &found, &mut added, second(20));
    assert_eq!(volume(&engine), ([5, 9], [500, 9000]));
    engine.account(id, &tuple, &found, &mut added, second(21));
    assert_eq!(volume(&engine), ([5, 9], [500, 9000]), "the same again is nothing more");
    // Two frames that the capture's filter had counted are read later than connection tracking.
    engine.credit(id, [0, 2], [0, 2000]);
    let found = Accounts { packets: [5, 20], bytes: [500, 20_000], offloaded: true };
    engine.account(id, &tuple, &found, &mut added, second(22));
    assert_eq!(volume(&engine), ([5, 20], [500, 20_000]));
    // The same connection by its other way.
    let turned = FiveTuple { source: tuple.destination, destination: tuple.source, ..tuple };
    let found = Accounts { packets: [30, 6], bytes: [30_000, 600], offloaded: true };
    engine.account(id, &turned, &found, &mut added, second(23));
    assert_eq!(volume(&engine), ([6, 30], [600, 30_000]));
    // Idle datagrams are forgotten after 30 s; this flow was seen at 23 s, though not here.
    engine.tick(second(45), &mut output);
    assert_eq!(engine.flows().len(), 1);
    engine.tick(second(60), &mut output);
    assert_eq!(engine.flows().len(), 0);
}
