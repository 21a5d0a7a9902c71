//! Records of flows have the fields of the public format (spec section 3.1) and no others, so that
//! what reads netifyd's records reads ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

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
