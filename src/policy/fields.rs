//! Every field that criteria may use: name, aliases, type, doc, getter. One row each.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::risk::{Score, risks};
use super::view::View;
use crate::app::Basis;
use crate::criteria::{Field, FieldId, Kind, Schema, Value, Vocabulary};
use crate::facts::Detail;
use crate::flow::{OtherType, Source, Stage};

/// Calls the test with each value of a field, until one passes.
pub type Getter = fn(&View<'_>, &mut Test<'_>) -> bool;
type Test<'t> = dyn FnMut(Value<'_>) -> bool + 't;

/// All fields, compiled for look-up by name.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new(FIELDS));
    &SCHEMA
}

/// How the value of a field is read; `None` for one that nothing fills yet.
pub fn getter(field: FieldId) -> Option<Getter> {
    GETTERS.get(usize::from(field.0)).copied().flatten()
}

const OTHER_TYPES: &[(&str, u32)] = &[
    ("other_unknown", 0),
    ("other_local", 1),
    ("other_remote", 2),
    ("other_multicast", 3),
    ("other_broadcast", 4),
    ("other_unsupported", 5),
    ("other_error", 6),
];
const ORIGINS: &[(&str, u32)] =
    &[("origin_unknown", 0), ("origin_local", 1), ("origin_other", 2), ("origin_remote", 2)];
const SOURCES: &[(&str, u32)] = &[
    ("source_unknown", 0),
    ("source_content", 1),
    ("source_swarm", 2),
    ("source_inferred", 3),
    ("source_port", 4),
];
const TUNNELS: &[(&str, u32)] = &[("tunnel_none", 0), ("tunnel_gtp", 1)];

fn text(value: Option<&str>, test: &mut Test<'_>) -> bool {
    value.is_some_and(|value| test(Value::Text(value)))
}

fn number(value: Option<impl Into<u64>>, test: &mut Test<'_>) -> bool {
    value.is_some_and(|value| test(Value::Number(value.into())))
}

fn hex(bytes: &[u8], test: &mut Test<'_>) -> bool {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    test(Value::Text(&digits))
}

fn sum<T: Into<u64>>(pair: [T; 2]) -> u64 {
    let [a, b] = pair;
    a.into().saturating_add(b.into())
}

/// Getter of one detail.
macro_rules! detail {
    ($kind:ident, text) => {
        Some(|view, test| {
            let value = view.detail(|detail| match detail {
                Detail::$kind(value) => Some(&**value),
                _ => None,
            });
            text(value, test)
        })
    };
    ($kind:ident, number) => {
        Some(|view, test| {
            let value = view.detail(|detail| match detail {
                Detail::$kind(value) => Some(*value),
                _ => None,
            });
            number(value, test)
        })
    };
    ($kind:ident, endpoint) => {
        Some(|view, test| {
            let value = view.detail(|detail| match detail {
                Detail::$kind(value) => Some(value.addr),
                _ => None,
            });
            value.is_some_and(|addr| test(Value::Address(addr)))
        })
    };
}

/// What moves the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Dissection, or nothing.
    Settled,
    /// A packet of the flow.
    Traffic,
    /// A segment of the flow; they are counted only where an action asks.
    Tcp,
    /// Time; rates are measured only where an action asks.
    Rate,
    /// An answer of connection tracking, which is asked until it has one.
    Connection,
    /// Whoever marks connections.
    Mark,
}

/// What moves the value of a field.
pub fn moves(field: FieldId) -> Moves {
    MOVES.get(usize::from(field.0)).copied().unwrap_or(Moves::Settled)
}

/// Rows to three tables that go side by side: a row is a field, how to read it, and in front, if
/// it may change once the flow has a name, by what.
macro_rules! fields {
    ($($($moves:ident)? $name:literal [$($alias:literal)*] $kind:expr, $doc:literal, $getter:expr;)*) => {
        static FIELDS: &[Field] = &[$(Field {
            name: $name,
            aliases: &[$($alias),*],
            kind: $kind,
            doc: $doc,
            available: {
                const GETTER: Option<Getter> = $getter;
                GETTER.is_some()
            },
        }),*];
        static GETTERS: &[Option<Getter>] = &[$($getter),*];
        static MOVES: &[Moves] = &[$(fields!(@moves $($moves)?)),*];
    };
    (@moves) => { Moves::Settled };
    (@moves $moves:ident) => { Moves::$moves };
}

fields! {
    // Application and protocol.
    "application" ["app" "application_id" "app_id"] Kind::Name(Vocabulary::Application),
        "application, by tag (netify.youtube), short name (youtube) or number; 0: none",
        Some(|view, test| test(Value::Id(view.app().map_or(0, |app| app.id))));
    "application_category" ["app_category"] Kind::Name(Vocabulary::ApplicationCategory),
        "category of the application",
        Some(|view, test| test(Value::Id(view.app().map_or(0, |app| app.category.id.into()))));
    "application_category_id" ["app_category_id"] Kind::Id(Vocabulary::ApplicationCategory),
        "number of the application's category",
        Some(|view, test| test(Value::Id(view.app().map_or(0, |app| app.category.id.into()))));
    "protocol" ["proto" "protocol_id" "proto_id"] Kind::Name(Vocabulary::Protocol),
        "protocol, by name (HTTP/S) or number; 0: unknown",
        Some(|view, test| test(Value::Id(view.protocol().map_or(0, |p| p.id.into()))));
    "protocol_category" ["proto_category"] Kind::Name(Vocabulary::ProtocolCategory),
        "category of the protocol",
        Some(protocol_category_id);
    "protocol_category_id" ["proto_category_id"] Kind::Id(Vocabulary::ProtocolCategory),
        "number of the protocol's category",
        Some(protocol_category_id);
    "category" ["cat"] Kind::Name(Vocabulary::Category),
        "category of the application (of the protocol where none is known) or of any list",
        Some(category);
    "category_id" ["cat_id"] Kind::Id(Vocabulary::Category),
        "number of such a category",
        Some(category);
    "domain_category" ["dom_category"] Kind::Name(Vocabulary::DomainCategory),
        "category of a list of domains that holds the host",
        Some(domain_category);
    "domain_category_id" ["dom_category_id"] Kind::Id(Vocabulary::DomainCategory),
        "number of that category",
        Some(domain_category);
    "app_ip_override" [] Kind::Flag,
        "the application was told by the address alone",
        Some(|view, test| test(Value::Flag(view.app_basis() == Some(Basis::Address))));
    "app_proto_twins" [] Kind::Flag,
        "the application was told by the protocol alone",
        Some(|view, test| test(Value::Flag(view.app_basis() == Some(Basis::Protocol))));

    // Endpoints.
    "ip" [] Kind::Address, "address of either end",
        Some(|view, test| view.addrs().into_iter().any(|addr| test(Value::Address(addr))));
    "local_ip" [] Kind::Address, "address of the LAN side",
        Some(|view, test| test(Value::Address(view.flow.local().addr)));
    "other_ip" [] Kind::Address, "address of the far side",
        Some(|view, test| test(Value::Address(view.flow.other().addr)));
    "src_ip" [] Kind::Address, "address of the originator",
        Some(|view, test| test(Value::Address(view.addrs()[0])));
    "dst_ip" [] Kind::Address, "address that the first packet went to",
        Some(|view, test| test(Value::Address(view.addrs()[1])));
    "mac" [] Kind::Mac, "hardware address of either end",
        Some(|view, test| view.flow.macs.into_iter().flatten().any(|mac| test(Value::Mac(mac))));
    "local_mac" [] Kind::Mac, "hardware address of the LAN side",
        Some(|view, test| view.flow.local_mac().is_some_and(|mac| test(Value::Mac(mac))));
    "other_mac" [] Kind::Mac, "hardware address of the far side (the router's, beyond it)",
        Some(|view, test| view.flow.other_mac().is_some_and(|mac| test(Value::Mac(mac))));
    "src_mac" [] Kind::Mac, "hardware address of the originator",
        Some(|view, test| view.flow.macs[0].is_some_and(|mac| test(Value::Mac(mac))));
    "dst_mac" [] Kind::Mac, "hardware address that the first packet went to",
        Some(|view, test| view.flow.macs[1].is_some_and(|mac| test(Value::Mac(mac))));
    "port" [] Kind::Number, "port of either end",
        Some(|view, test| {
            view.ports().is_some_and(|ports| ports.into_iter().any(|p| number(Some(p), test)))
        });
    "local_port" [] Kind::Number, "port of the LAN side",
        Some(|view, test| number(view.ports().map(|_| view.flow.local().port), test));
    "other_port" [] Kind::Number, "port of the far side",
        Some(|view, test| number(view.ports().map(|_| view.flow.other().port), test));
    "src_port" [] Kind::Number, "port of the originator",
        Some(|view, test| number(view.ports().map(|ports| ports[0]), test));
    "dst_port" [] Kind::Number, "port that the first packet went to",
        Some(|view, test| number(view.ports().map(|ports| ports[1]), test));

    // Network and transport.
    "ip_protocol" [] Kind::Number, "number in the IP header: 6 TCP, 17 UDP",
        Some(|view, test| number(Some(view.flow.key.transport().number()), test));
    "ip_version" [] Kind::Number, "4 or 6",
        Some(|view, test| number(Some(if view.flow.key.is_v4() { 4u8 } else { 6 }), test));
    "ip_dscp" [] Kind::Number, "DSCP of the first packet, 0 to 63",
        Some(|view, test| number(Some(view.flow.dscp), test));
    Connection "ip_nat" [] Kind::Flag, "the connection is translated, as conntrack says",
        Some(|view, test| view.tracked().is_some_and(|tracked| test(Value::Flag(tracked.has_nat))));
    "vlan_id" [] Kind::Number, "outermost VLAN id",
        Some(|view, test| number(view.flow.vlan, test));
    "vlan" [] Kind::Flag, "the first packet had a VLAN tag",
        Some(|view, test| test(Value::Flag(view.flow.vlan.is_some())));
    "tunnel_type" [] Kind::Constant(TUNNELS), "the tunnel that carries the flow",
        Some(|_, test| test(Value::Constant(0)));
    "other_type" [] Kind::Constant(OTHER_TYPES), "what the far side is",
        Some(|view, test| test(Value::Constant(match view.flow.sides.other_type {
            OtherType::Unknown => 0,
            OtherType::Local => 1,
            OtherType::Remote => 2,
            OtherType::Multicast => 3,
            OtherType::Broadcast => 4,
        })));
    "origin" [] Kind::Constant(ORIGINS), "which side sent the first packet",
        Some(|view, test| test(Value::Constant(match view.flow.sides.local_origin {
            None => 0,
            Some(true) => 1,
            Some(false) => 2,
        })));

    // Interface.
    "iface" [] Kind::Text, "interface the flow was seen on",
        Some(|view, test| text(Some(&view.interface.name), test));
    "iface_nfq_src" [] Kind::Text, "interface the flow comes from (here: where it was seen)",
        Some(|view, test| text(Some(&view.interface.name), test));
    "iface_nfq_dst" [] Kind::Text, "interface the flow goes to (here: where it was seen)",
        Some(|view, test| text(Some(&view.interface.name), test));
    "nfq_src_ifindex" [] Kind::Number, "number of the interface the flow comes from", None;
    "nfq_dst_ifindex" [] Kind::Number, "number of the interface the flow goes to", None;
    "ssid" [] Kind::Text, "wireless network of the local device", None;
    "local_pvid" [] Kind::Number, "port VLAN id of the LAN side", None;
    "other_pvid" [] Kind::Number, "port VLAN id of the far side", None;

    // State of detection.
    "detection_init" [] Kind::Flag, "detection has begun",
        Some(|view, test| test(Value::Flag(view.flow.detection.packets > 0)));
    "detection_updated" [] Kind::Flag, "the first answer was replaced by a better one",
        Some(|view, test| test(Value::Flag(view.flow.detection.updated)));
    "detection_complete" [] Kind::Flag, "detection is over",
        Some(|view, test| test(Value::Flag(view.flow.detection.stage == Stage::Decided)));
    "detection_guessed" [] Kind::Flag, "the protocol comes from a port number alone",
        Some(|view, test| test(Value::Flag(view.flow.detection.guessed)));
    "detection_packets" [] Kind::Number, "packets that detection looked at",
        Some(|view, test| number(Some(view.flow.detection.packets), test));
    "detection_source" [] Kind::Constant(SOURCES),
        "what the protocol was told by: content, a known BitTorrent peer, shape and host, port",
        Some(|view, test| test(Value::Constant(match view.flow.detection.source() {
            Source::Unknown => 0,
            Source::Content => 1,
            Source::Swarm => 2,
            Source::Inferred => 3,
            Source::Port => 4,
        })));
    "soft_dissector" [] Kind::Flag, "named by an expression of the signatures", None;
    "dhc_hit" [] Kind::Flag, "a DNS answer named the host",
        Some(|view, test| test(Value::Flag(view.flow.detection.hint.is_some())));
    "fhc_hit" [] Kind::Flag, "an earlier flow named this one", None;
    Traffic "expiring" [] Kind::Flag, "the TCP connection is closed, the flow about to end",
        Some(|view, test| test(Value::Flag(view.flow.ending.is_over())));
    "expired" [] Kind::Flag, "the flow has ended", None;

    // Names.
    "detected_hostname" [] Kind::Text, "host by the flow's own payload: SNI, HTTP Host, ...",
        Some(|view, test| text(view.facts().and_then(|facts| facts.host.as_deref()), test));
    "dns_hostname" [] Kind::Text, "host by a DNS answer seen before",
        Some(|view, test| text(view.flow.detection.hint.as_deref(), test));
    "http_url" [] Kind::Text, "host and target of the first HTTP request",
        detail!(HttpUrl, text);
    "http_user_agent" [] Kind::Text, "User-Agent of the first HTTP request",
        detail!(HttpUserAgent, text);
    "mdns_domain_name" [] Kind::Text, "name in an mDNS message", detail!(MdnsName, text);
    "dhcp_class_ident" [] Kind::Text, "class identifier of a DHCP client",
        detail!(DhcpClass, text);
    "dhcp_fingerprint" [] Kind::Text, "options that a DHCP client asks for, by number",
        detail!(DhcpFingerprint, text);
    "ssh_client_agent" [] Kind::Text, "identification of the SSH client",
        detail!(SshClient, text);
    "ssh_server_agent" [] Kind::Text, "identification of the SSH server",
        detail!(SshServer, text);
    "bt_info_hash" [] Kind::Text, "torrent, 40 hexadecimal digits",
        Some(|view, test| {
            let hash = view.detail(|detail| match detail {
                Detail::BtInfoHash(hash) => Some(hash),
                _ => None,
            });
            hash.is_some_and(|hash| hex(hash, test))
        });

    // TLS.
    "tls_version" ["ssl_version"] Kind::Number, "negotiated version: 0x0304 is TLS 1.3",
        detail!(TlsVersion, number);
    "tls_cipher" ["ssl_cipher"] Kind::Number, "cipher suite the server chose",
        detail!(TlsCipher, number);
    "tls_ech" [] Kind::Number, "version of the encrypted ClientHello, if it has one",
        detail!(TlsEch, number);
    "tls_ja4" [] Kind::Text, "JA4 fingerprint of the client", detail!(TlsJa4, text);
    "tls_alpn" [] Kind::Text, "protocols the client offers, joined by commas",
        detail!(TlsAlpn, text);
    "tls_alpn_server" [] Kind::Text, "protocol the server chose", detail!(TlsAlpnServer, text);
    "tls_server_cn" [] Kind::Text, "common name in the server's certificate",
        detail!(TlsServerCn, text);
    "tls_issuer_dn" [] Kind::Text, "issuer of the server's certificate",
        detail!(TlsIssuerDn, text);
    "tls_subject_dn" [] Kind::Text, "subject of the server's certificate",
        detail!(TlsSubjectDn, text);
    "tls_cert_fingerprint" [] Kind::Text, "fingerprint of the server's certificate", None;
    "tls_proc_hello" [] Kind::Flag, "a ClientHello was read",
        Some(|view, test| {
            let seen = view.detail(|detail| matches!(detail, Detail::TlsVersion(_)).then_some(()));
            test(Value::Flag(seen.is_some()))
        });
    "tls_proc_certificate" [] Kind::Flag, "the server's certificate was read",
        Some(|view, test| {
            let seen = view.detail(|detail| matches!(detail, Detail::TlsSubjectDn(_)).then_some(()));
            test(Value::Flag(seen.is_some()))
        });
    "smtp_tls" [] Kind::Flag, "the SMTP dialogue went over to TLS",
        Some(|view, test| {
            let seen = view.detail(|detail| matches!(detail, Detail::SmtpTls).then_some(()));
            test(Value::Flag(seen.is_some()))
        });

    // Risks.
    "risks" [] Kind::Name(Vocabulary::Risk),
        "risks that the facts show: unusual port; TLS without name, old, self-signed, weak",
        Some(|view, test| risks(view).any(|risk| test(Value::Id(risk.id))));
    "ndpi_risk_score" [] Kind::Number, "sum of the risks' scores",
        Some(|view, test| test(Value::Number(Score::of(view).total().into())));
    "ndpi_risk_client" [] Kind::Number, "the client's part of it",
        Some(|view, test| test(Value::Number(Score::of(view).client.into())));
    "ndpi_risk_server" [] Kind::Number, "the server's part of it",
        Some(|view, test| test(Value::Number(Score::of(view).server.into())));

    // Conntrack.
    Connection "conntrack_id" ["ct_id"] Kind::Number, "number of the kernel's flow entry",
        Some(|view, test| number(view.tracked().map(|tracked| tracked.id), test));
    Mark "conntrack_mark" ["ct_mark" "fwmark"] Kind::Number, "mark of the kernel's flow entry",
        Some(|view, test| number(view.tracked().map(|tracked| tracked.mark), test));
    Connection "ct_reply_src_ip" [] Kind::Address, "source of the reply tuple",
        Some(|view, test| view.reply_addr(0).is_some_and(|addr| test(Value::Address(addr))));
    Connection "ct_reply_dst_ip" [] Kind::Address, "destination of the reply tuple",
        Some(|view, test| view.reply_addr(1).is_some_and(|addr| test(Value::Address(addr))));

    // Lists of networks.
    "network_category" ["net_category"] Kind::Name(Vocabulary::NetworkCategory),
        "category of a list of networks that holds either end",
        Some(|view, test| network_category(view, &view.addrs(), test));
    "network_category_id" ["net_category_id"] Kind::Id(Vocabulary::NetworkCategory),
        "number of that category",
        Some(|view, test| network_category(view, &view.addrs(), test));
    "local_network_category" ["local_net_category"] Kind::Name(Vocabulary::NetworkCategory),
        "category of a list that holds the LAN side",
        Some(|view, test| network_category(view, &[view.flow.local().addr], test));
    "local_network_category_id" ["local_net_category_id"] Kind::Id(Vocabulary::NetworkCategory),
        "number of that category",
        Some(|view, test| network_category(view, &[view.flow.local().addr], test));
    "other_network_category" ["other_net_category"] Kind::Name(Vocabulary::NetworkCategory),
        "category of a list that holds the far side",
        Some(|view, test| network_category(view, &[view.flow.other().addr], test));
    "other_network_category_id" ["other_net_category_id"] Kind::Id(Vocabulary::NetworkCategory),
        "number of that category",
        Some(|view, test| network_category(view, &[view.flow.other().addr], test));
    "src_network_category" ["src_net_category"] Kind::Name(Vocabulary::NetworkCategory),
        "category of a list that holds the originator",
        Some(|view, test| network_category(view, &[view.addrs()[0]], test));
    "src_network_category_id" ["src_net_category_id"] Kind::Id(Vocabulary::NetworkCategory),
        "number of that category",
        Some(|view, test| network_category(view, &[view.addrs()[0]], test));
    "dst_network_category" ["dst_net_category"] Kind::Name(Vocabulary::NetworkCategory),
        "category of a list that holds the destination",
        Some(|view, test| network_category(view, &[view.addrs()[1]], test));
    "dst_network_category_id" ["dst_net_category_id"] Kind::Id(Vocabulary::NetworkCategory),
        "number of that category",
        Some(|view, test| network_category(view, &[view.addrs()[1]], test));

    // Overlays.
    "tag" [] Kind::Name(Vocabulary::Tag), "tag of an overlay of the user's own", None;
    "tag_category" [] Kind::Name(Vocabulary::TagCategory), "category of such a tag", None;
    "tag_category_id" [] Kind::Id(Vocabulary::TagCategory), "number of that category", None;

    // Counters.
    Traffic "local_bytes" ["total_local_bytes"] Kind::Number, "IP bytes that the LAN side sent",
        Some(|view, test| number(Some(view.local_first(view.flow.bytes)[0]), test));
    Traffic "other_bytes" ["total_other_bytes"] Kind::Number, "IP bytes that the far side sent",
        Some(|view, test| number(Some(view.local_first(view.flow.bytes)[1]), test));
    Traffic "src_bytes" ["total_src_bytes"] Kind::Number, "IP bytes of the originator",
        Some(|view, test| number(Some(view.flow.bytes[0]), test));
    Traffic "dst_bytes" ["total_dst_bytes"] Kind::Number, "IP bytes of the way back",
        Some(|view, test| number(Some(view.flow.bytes[1]), test));
    Traffic "total_bytes" [] Kind::Number, "IP bytes of both ways",
        Some(|view, test| number(Some(sum(view.flow.bytes)), test));
    Traffic "local_packets" ["total_local_packets"] Kind::Number, "packets that the LAN side sent",
        Some(|view, test| number(Some(view.local_first(view.flow.packets)[0]), test));
    Traffic "other_packets" ["total_other_packets"] Kind::Number, "packets that the far side sent",
        Some(|view, test| number(Some(view.local_first(view.flow.packets)[1]), test));
    Traffic "src_packets" ["total_src_packets"] Kind::Number, "packets of the originator",
        Some(|view, test| number(Some(view.flow.packets[0]), test));
    Traffic "dst_packets" ["total_dst_packets"] Kind::Number, "packets of the way back",
        Some(|view, test| number(Some(view.flow.packets[1]), test));
    Traffic "total_packets" [] Kind::Number, "packets of both ways",
        Some(|view, test| number(Some(sum(view.flow.packets)), test));
    Rate "local_rate" [] Kind::Number, "bytes a second of the LAN side, mean of some 5 s",
        Some(|view, test| number(Some(view.local_first(view.rate())[0]), test));
    Rate "other_rate" [] Kind::Number, "bytes a second of the far side, mean of some 5 s",
        Some(|view, test| number(Some(view.local_first(view.rate())[1]), test));
    Rate "src_rate" [] Kind::Number, "bytes a second of the originator, mean of some 5 s",
        Some(|view, test| number(Some(view.rate()[0]), test));
    Rate "dst_rate" [] Kind::Number, "bytes a second of the way back, mean of some 5 s",
        Some(|view, test| number(Some(view.rate()[1]), test));
    "ts_first_seen" [] Kind::Number, "time of the first packet, milliseconds after 1970",
        Some(|view, test| number(Some(view.unix_millis(view.flow.first_seen)), test));
    Traffic "ts_last_seen" [] Kind::Number, "time of the newest packet, milliseconds after 1970",
        Some(|view, test| number(Some(view.unix_millis(view.flow.last_seen)), test));
    Tcp "tcp_resets" [] Kind::Number, "TCP segments with RST, while an action asks",
        Some(|view, test| number(view.tcp().map(|tcp| tcp.resets), test));
    Tcp "tcp_retrans" [] Kind::Number, "TCP segments sent again, while an action asks",
        Some(|view, test| number(view.tcp().map(|tcp| tcp.retransmissions), test));
    Tcp "tcp_seq_errors" [] Kind::Number, "TCP segments that left a gap, while an action asks",
        Some(|view, test| number(view.tcp().map(|tcp| tcp.gaps), test));
    Traffic "tcp_fin_ack" [] Kind::Flag, "the connection was closed by both ends",
        Some(|view, test| test(Value::Flag(view.flow.ending.fin == [true; 2])));
    Tcp "tcp_last_seq" [] Kind::Number, "sequence number of the newest TCP segment",
        Some(|view, test| number(view.tcp().map(|tcp| tcp.last_sequence), test));

    // STUN.
    "stun_mapped" [] Kind::Address, "address of the client as its STUN server sees it",
        detail!(StunMapped, endpoint);
    "stun_peer" [] Kind::Address, "peer of a TURN allocation", detail!(StunPeer, endpoint);
    "stun_relayed" [] Kind::Address, "relayed address of a TURN allocation",
        detail!(StunRelayed, endpoint);
    "stun_response" [] Kind::Address, "where a STUN answer says that it comes from",
        detail!(StunResponse, endpoint);
    "stun_other" [] Kind::Address, "other address of a STUN server",
        detail!(StunOther, endpoint);

    // Intelligence feeds: none yet.
    "intel_*" [] Kind::Any, "what a list of threats says", None;
}

/// Every category there is; 0 where there is none.
fn category(view: &View<'_>, test: &mut Test<'_>) -> bool {
    let service = view.service_category();
    let mut none = service == 0;
    if !none && test(Value::Id(service)) {
        return true;
    }
    let mut each = |id: u16| {
        none = false;
        test(Value::Id(id.into()))
    };
    let listed = view.domain_categories().iter().any(|id| each(*id))
        || view.any_network_category(&view.addrs(), &mut each);
    listed || none && test(Value::Id(0))
}

fn domain_category(view: &View<'_>, test: &mut Test<'_>) -> bool {
    match view.domain_categories() {
        [] => test(Value::Id(0)),
        found => found.iter().any(|id| test(Value::Id((*id).into()))),
    }
}

fn network_category(view: &View<'_>, addrs: &[IpAddr], test: &mut Test<'_>) -> bool {
    let mut none = true;
    let passed = view.any_network_category(addrs, &mut |id| {
        none = false;
        test(Value::Id(id.into()))
    });
    passed || none && test(Value::Id(0))
}

fn protocol_category_id(view: &View<'_>, test: &mut Test<'_>) -> bool {
    test(Value::Id(view.protocol_category().map_or(0, |category| category.id.into())))
}
