//! Records of flows have the fields of the public format (spec section 3.1) and no others, so that
//! what reads netifyd's records reads ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::effect::Effect;
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
