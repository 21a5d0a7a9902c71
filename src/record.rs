//! Flows as JSON objects (spec section 3.1), for `nfa replay`, logs and sinks.

use serde_json::{Map, Value};

use crate::facts::{Detail, Facts};
use crate::flow::OtherType;
use crate::json::{Shown, insert, list, object, put};
use crate::policy::{self, View};
use crate::sorted::SortedSet;

/// The `flow` object: metadata, and counters as they stand.
pub fn flow(view: &View<'_>) -> Value {
    let (flow, detection) = (view.flow, &view.flow.detection);
    let app = view.app();
    let protocol = view.protocol();
    let (local, other) = (flow.local(), flow.other());
    let mut record = Map::new();
    put(&mut record, "first_seen_at", &flow.first_seen.as_millis());
    put(&mut record, "last_seen_at", &flow.last_seen.as_millis());
    put(&mut record, "ip_version", &if flow.key.is_v4() { 4_u8 } else { 6 });
    put(&mut record, "ip_protocol", &flow.key.transport().number());
    put(&mut record, "ip_dscp", &flow.dscp);
    put(&mut record, "vlan_id", &flow.vlan.unwrap_or(0));
    put(&mut record, "local_ip", &Shown(local.addr));
    put(&mut record, "local_port", &view.ports().map_or(0, |_| local.port));
    put(&mut record, "other_ip", &Shown(other.addr));
    put(&mut record, "other_port", &view.ports().map_or(0, |_| other.port));
    if let Some(mac) = flow.local_mac() {
        put(&mut record, "local_mac", &Shown(mac));
    }
    if let Some(mac) = flow.other_mac() {
        put(&mut record, "other_mac", &Shown(mac));
    }
    put(&mut record, "other_type", &flow.sides.other_type.name());
    if flow.sides.other_type != OtherType::Unknown {
        put(&mut record, "local_origin", &flow.sides.local_origin);
    }
    put(&mut record, "detected_protocol", &protocol.map_or(0, |protocol| protocol.id));
    put(
        &mut record,
        "detected_protocol_name",
        &protocol.map_or("Unknown", |protocol| protocol.name),
    );
    put(&mut record, "detected_application", &app.map_or(0, |app| app.id));
    put(
        &mut record,
        "detected_application_name",
        &app.map_or("netify.unclassified", |app| app.tag),
    );
    put(&mut record, "category", &categories(view));
    put(&mut record, "detection_guessed", &detection.guessed);
    put(&mut record, "detection_updated", &detection.updated);
    put(&mut record, "detection_source", &detection.source().name());
    put(&mut record, "detection_packets", &detection.packets);
    put(&mut record, "dhc_hit", &detection.hint.is_some());
    if let Some(hint) = &detection.hint {
        put(&mut record, "dns_host_name", hint);
    }
    if let Some(facts) = view.facts() {
        if let Some(host) = &facts.host {
            put(&mut record, "host_server_name", host);
        }
        details(facts, &mut record);
    }
    let risks: Vec<&str> = policy::risks(view).map(|risk| risk.name).collect();
    if !risks.is_empty() {
        let score = policy::Score::of(view);
        let found = object! {
            "risks": risks,
            "ndpi_risk_score": score.total(),
            "ndpi_risk_client": score.client,
            "ndpi_risk_server": score.server,
        };
        put(&mut record, "risks", &found);
    }
    if let Some(tracked) = view.tracked() {
        let [source, destination] = tracked.reply;
        put(&mut record, "ip_nat", &tracked.has_nat);
        let conntrack = object! {
            "id": tracked.id,
            "mark": tracked.mark,
            "reply_src_ip": Shown(source.addr),
            "reply_src_port": source.port,
            "reply_dst_ip": Shown(destination.addr),
            "reply_dst_port": destination.port,
        };
        put(&mut record, "conntrack", &conntrack);
    }
    let [local_packets, other_packets] = view.local_first(flow.packets);
    let [local_bytes, other_bytes] = view.local_first(flow.bytes);
    put(&mut record, "local_packets", &local_packets);
    put(&mut record, "other_packets", &other_packets);
    put(&mut record, "local_bytes", &local_bytes);
    put(&mut record, "other_bytes", &other_bytes);
    let total_packets = local_packets.saturating_add(other_packets);
    put(&mut record, "total_packets", &total_packets);
    put(&mut record, "total_bytes", &local_bytes.saturating_add(other_bytes));
    Value::Object(record)
}

/// Tags, with the public number beside each. A user's lists may say several, so theirs are arrays,
/// and only there if they say something.
fn categories(view: &View<'_>) -> Value {
    let application = view.app().map(|app| app.category);
    let protocol = view.protocol_category();
    let mut record = object! {
        "application": application.map_or("unclassified", |category| category.tag),
        "application_id": application.map_or(0, |category| category.id),
        "protocol": protocol.map_or("unclassified", |category| category.tag),
        "protocol_id": protocol.map_or(0, |category| category.id),
    };
    let of_addr = |addr| {
        let mut found = SortedSet::new();
        view.any_network_category(&[addr], &mut |id| {
            found.insert(id);
            false
        });
        found
    };
    for (key, found) in [
        ("domain", view.domain_categories().iter().copied().collect()),
        ("local_network", of_addr(view.flow.local().addr)),
        ("other_network", of_addr(view.flow.other().addr)),
    ] {
        if !found.is_empty() {
            let tags = found.iter().filter_map(|id| view.lists.categories.tag(*id));
            insert(&mut record, key, &list(tags.map(Value::from)));
            let ids = found.iter().map(|id| Value::from(*id));
            insert(&mut record, &format!("{key}_id"), &list(ids));
        }
    }
    record
}

/// The blocks of single protocols.
fn details(facts: &Facts, record: &mut Map<String, Value>) {
    for detail in &facts.details {
        let (block, key, value): (&str, &str, Value) = match detail {
            Detail::TlsVersion(version) => ("ssl", "version", format!("{version:#06x}").into()),
            Detail::TlsCipher(suite) => ("ssl", "cipher_suite", format!("{suite:#06x}").into()),
            Detail::TlsEch(version) => {
                ("ssl", "encrypted_ch_version", format!("{version:#06x}").into())
            }
            Detail::TlsAlpn(list) => ("ssl", "alpn", list.split(',').collect()),
            Detail::TlsAlpnServer(name) => {
                ("ssl", "alpn_server", list([Value::from(&**name)].into_iter()))
            }
            Detail::TlsJa4(print) => ("ssl", "client_ja4", (**print).into()),
            Detail::TlsServerCn(name) => ("ssl", "server_cn", (**name).into()),
            Detail::TlsServerNames(names) => ("ssl", "server_names", names.split(',').collect()),
            Detail::TlsIssuerDn(name) => ("ssl", "issuer_dn", (**name).into()),
            Detail::TlsSubjectDn(name) => ("ssl", "subject_dn", (**name).into()),
            Detail::SmtpTls => ("smtp", "tls", true.into()),
            Detail::QuicVersion(version) => ("quic", "version", format!("{version:#010x}").into()),
            Detail::HttpUrl(url) => ("http", "url", (**url).into()),
            Detail::HttpUserAgent(agent) => ("http", "user_agent", (**agent).into()),
            Detail::BtInfoHash(hash) => {
                let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                ("bt", "info_hash", digits.into())
            }
            Detail::SshClient(agent) => ("ssh", "client", (**agent).into()),
            Detail::SshServer(agent) => ("ssh", "server", (**agent).into()),
            Detail::DhcpClass(class) => ("dhcp", "class_ident", (**class).into()),
            Detail::DhcpFingerprint(print) => ("dhcp", "fingerprint", (**print).into()),
            Detail::MdnsName(name) => ("mdns", "answer", (**name).into()),
            Detail::StunMapped(end) => ("stun", "mapped", end.to_string().into()),
            Detail::StunPeer(end) => ("stun", "peer", end.to_string().into()),
            Detail::StunRelayed(end) => ("stun", "relayed", end.to_string().into()),
            Detail::StunResponse(end) => ("stun", "response", end.to_string().into()),
            Detail::StunOther(end) => ("stun", "other", end.to_string().into()),
        };
        let block = record.entry(block).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(block) = block {
            block.insert(key.to_owned(), value);
        }
    }
    if let Some(Value::Object(ssl)) = record.get_mut("ssl")
        && let Some(host) = &facts.host
    {
        ssl.insert("client_sni".to_owned(), (**host).into());
    }
}
