//! Every field the language has to know (vendor's 5.2.8), as the tests' schema.

use nfa::criteria::{Field, Kind, Vocabulary};

static TUNNEL_TYPES: &[(&str, u32)] = &[("tunnel_none", 0), ("tunnel_gtp", 1)];

static OTHER_TYPES: &[(&str, u32)] = &[
    ("other_unknown", 0),
    ("other_local", 1),
    ("other_remote", 2),
    ("other_multicast", 3),
    ("other_broadcast", 4),
    ("other_unsupported", 5),
    ("other_error", 6),
];

/// `origin_remote` is the older manual's word.
static ORIGINS: &[(&str, u32)] =
    &[("origin_unknown", 0), ("origin_local", 1), ("origin_other", 2), ("origin_remote", 2)];

const fn field(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Kind,
    doc: &'static str,
) -> Field {
    Field { name, aliases, kind, doc, available: true }
}

/// Known, but nothing fills it yet.
const fn later(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Kind,
    doc: &'static str,
) -> Field {
    Field { name, aliases, kind, doc, available: false }
}

pub static FIELDS: &[Field] = &[
    // Application and protocol.
    field(
        "application",
        &["app", "application_id", "app_id"],
        Kind::Name(Vocabulary::Application),
        "The application, by tag or number; bare: it is known",
    ),
    field(
        "application_category",
        &["app_category"],
        Kind::Name(Vocabulary::ApplicationCategory),
        "The category of the application",
    ),
    field(
        "application_category_id",
        &["app_category_id"],
        Kind::Id(Vocabulary::ApplicationCategory),
        "Number of the category of the application",
    ),
    field(
        "protocol",
        &["proto", "protocol_id", "proto_id"],
        Kind::Name(Vocabulary::Protocol),
        "The protocol, by name or number; bare: it is known",
    ),
    field(
        "protocol_category",
        &["proto_category"],
        Kind::Name(Vocabulary::ProtocolCategory),
        "The category of the protocol",
    ),
    field(
        "protocol_category_id",
        &["proto_category_id"],
        Kind::Id(Vocabulary::ProtocolCategory),
        "Number of the category of the protocol",
    ),
    field(
        "category",
        &["cat"],
        Kind::Name(Vocabulary::Category),
        "Any category: of the application, of lists of domains or networks, of overlays",
    ),
    field("category_id", &["cat_id"], Kind::Id(Vocabulary::Category), "Number of any category"),
    field(
        "domain_category",
        &["dom_category"],
        Kind::Name(Vocabulary::DomainCategory),
        "A category that lists of domains give",
    ),
    field(
        "domain_category_id",
        &["dom_category_id"],
        Kind::Id(Vocabulary::DomainCategory),
        "Number of a category that lists of domains give",
    ),
    field(
        "app_ip_override",
        &[],
        Kind::Flag,
        "The application was named by its address although a host was known",
    ),
    field(
        "app_proto_twins",
        &[],
        Kind::Flag,
        "The application was named by a protocol of the same product",
    ),
    // Endpoints. `ip`, `mac` and `port` are either end.
    field("ip", &[], Kind::Address, "Address of either end"),
    field("local_ip", &[], Kind::Address, "Address of the LAN side"),
    field("other_ip", &[], Kind::Address, "Address of the far side"),
    field("src_ip", &[], Kind::Address, "Address of the side that began"),
    field("dst_ip", &[], Kind::Address, "Address of the side that answered"),
    field("mac", &[], Kind::Mac, "Hardware address of either end"),
    field("local_mac", &[], Kind::Mac, "Hardware address of the LAN side"),
    field("other_mac", &[], Kind::Mac, "Hardware address of the far side"),
    field("src_mac", &[], Kind::Mac, "Hardware address of the side that began"),
    field("dst_mac", &[], Kind::Mac, "Hardware address of the side that answered"),
    field("port", &[], Kind::Number, "Port of either end"),
    field("local_port", &[], Kind::Number, "Port of the LAN side"),
    field("other_port", &[], Kind::Number, "Port of the far side"),
    field("src_port", &[], Kind::Number, "Port of the side that began"),
    field("dst_port", &[], Kind::Number, "Port of the side that answered"),
    // Layers 3 and 4.
    field("ip_protocol", &[], Kind::Number, "Protocol number of IP: 6 TCP, 17 UDP"),
    field("ip_version", &[], Kind::Number, "4 or 6"),
    field("ip_dscp", &[], Kind::Number, "Differentiated services code point, 0 to 63"),
    field("ip_nat", &[], Kind::Flag, "Addresses are translated"),
    field("vlan_id", &[], Kind::Number, "VLAN number; 0 without a tag"),
    field("vlan", &[], Kind::Flag, "Frames carry a VLAN tag"),
    field("tunnel_type", &[], Kind::Constant(TUNNEL_TYPES), "The tunnel that carries the flow"),
    field("other_type", &[], Kind::Constant(OTHER_TYPES), "What kind of address the far side has"),
    field("origin", &[], Kind::Constant(ORIGINS), "The side that began"),
    // Interface.
    field("iface", &[], Kind::Text, "The interface the flow was seen on"),
    field("iface_nfq_src", &[], Kind::Text, "The interface packets came in by"),
    field("iface_nfq_dst", &[], Kind::Text, "The interface packets went out by"),
    field("nfq_src_ifindex", &[], Kind::Number, "Index of the interface packets came in by"),
    field("nfq_dst_ifindex", &[], Kind::Number, "Index of the interface packets went out by"),
    later("ssid", &[], Kind::Text, "Wireless network of the LAN side"),
    later("local_pvid", &[], Kind::Number, "Port VLAN of the LAN side"),
    later("other_pvid", &[], Kind::Number, "Port VLAN of the far side"),
    // State of detection.
    field("detection_init", &[], Kind::Flag, "The first result is being evaluated"),
    field("detection_updated", &[], Kind::Flag, "The result was refined after the first"),
    field("detection_complete", &[], Kind::Flag, "The flow is decided"),
    field("detection_guessed", &[], Kind::Flag, "The protocol was named by port or address alone"),
    later("soft_dissector", &[], Kind::Flag, "A criteria expression named the application"),
    field("dhc_hit", &[], Kind::Flag, "The host was found in the DNS hint cache"),
    later("fhc_hit", &[], Kind::Flag, "The result was found in the flow hash cache"),
    later("expiring", &[], Kind::Flag, "The flow is about to be removed"),
    later("expired", &[], Kind::Flag, "The flow has been removed"),
    field("detection_packets", &[], Kind::Number, "Packets read until the flow was decided"),
    // Names.
    field(
        "detected_hostname",
        &[],
        Kind::Text,
        "The host the flow is for: SNI, HTTP Host or the like",
    ),
    field("dns_hostname", &[], Kind::Text, "The host of a DNS answer seen before"),
    field("http_url", &[], Kind::Text, "URL of the first HTTP request"),
    field("http_user_agent", &[], Kind::Text, "User-Agent of the first HTTP request"),
    field("mdns_domain_name", &[], Kind::Text, "Name in a multicast DNS answer"),
    field("dhcp_class_ident", &[], Kind::Text, "DHCP vendor class identifier"),
    field("dhcp_fingerprint", &[], Kind::Text, "DHCP parameter request list"),
    field("ssh_client_agent", &[], Kind::Text, "Software of the SSH client"),
    field("ssh_server_agent", &[], Kind::Text, "Software of the SSH server"),
    field("bt_info_hash", &[], Kind::Text, "BitTorrent info hash in hexadecimal"),
    // TLS.
    field(
        "tls_version",
        &["ssl_version"],
        Kind::Number,
        "Negotiated version: 0x0303 TLS 1.2, 0x0304 TLS 1.3",
    ),
    field("tls_cipher", &["ssl_cipher"], Kind::Number, "Cipher suite the server chose"),
    field("tls_ech", &[], Kind::Number, "Version of encrypted client hello, where offered"),
    later("tls_ja4", &[], Kind::Text, "JA4 fingerprint of the client hello"),
    field("tls_alpn", &[], Kind::Text, "Protocol the client offers first"),
    field("tls_alpn_server", &[], Kind::Text, "Protocol the server chose"),
    later("tls_server_cn", &[], Kind::Text, "Common name in the certificate of the server"),
    later("tls_issuer_dn", &[], Kind::Text, "Issuer of the certificate"),
    later("tls_subject_dn", &[], Kind::Text, "Subject of the certificate"),
    later("tls_cert_fingerprint", &[], Kind::Text, "SHA-1 of the certificate"),
    field("tls_proc_hello", &[], Kind::Flag, "The hello has been read"),
    later("tls_proc_certificate", &[], Kind::Flag, "The certificate has been read"),
    later("smtp_tls", &[], Kind::Flag, "SMTP went over to TLS"),
    // Risk.
    field(
        "risks",
        &[],
        Kind::Name(Vocabulary::Risk),
        "A risk of the flow, by name or number; bare: it has any",
    ),
    later("ndpi_risk_score", &[], Kind::Number, "Sum of the scores of both sides"),
    later("ndpi_risk_client", &[], Kind::Number, "Score of the client"),
    later("ndpi_risk_server", &[], Kind::Number, "Score of the server"),
    // Conntrack.
    field("conntrack_id", &["ct_id"], Kind::Number, "Conntrack's number of the flow"),
    field("conntrack_mark", &["ct_mark", "fwmark"], Kind::Number, "Conntrack mark"),
    field("ct_reply_src_ip", &[], Kind::Address, "Where conntrack expects replies from"),
    field("ct_reply_dst_ip", &[], Kind::Address, "Where conntrack expects replies to go"),
    // Lists of networks.
    field(
        "network_category",
        &["net_category"],
        Kind::Name(Vocabulary::NetworkCategory),
        "A category that lists of networks give either end",
    ),
    field(
        "network_category_id",
        &["net_category_id"],
        Kind::Id(Vocabulary::NetworkCategory),
        "Number of a category that lists of networks give either end",
    ),
    field(
        "local_network_category",
        &["local_net_category"],
        Kind::Name(Vocabulary::NetworkCategory),
        "A category that lists of networks give the LAN side",
    ),
    field(
        "local_network_category_id",
        &["local_net_category_id"],
        Kind::Id(Vocabulary::NetworkCategory),
        "Number of a category that lists of networks give the LAN side",
    ),
    field(
        "other_network_category",
        &["other_net_category"],
        Kind::Name(Vocabulary::NetworkCategory),
        "A category that lists of networks give the far side",
    ),
    field(
        "other_network_category_id",
        &["other_net_category_id"],
        Kind::Id(Vocabulary::NetworkCategory),
        "Number of a category that lists of networks give the far side",
    ),
    field(
        "src_network_category",
        &["src_net_category"],
        Kind::Name(Vocabulary::NetworkCategory),
        "A category that lists of networks give the side that began",
    ),
    field(
        "src_network_category_id",
        &["src_net_category_id"],
        Kind::Id(Vocabulary::NetworkCategory),
        "Number of a category that lists of networks give the side that began",
    ),
    field(
        "dst_network_category",
        &["dst_net_category"],
        Kind::Name(Vocabulary::NetworkCategory),
        "A category that lists of networks give the side that answered",
    ),
    field(
        "dst_network_category_id",
        &["dst_net_category_id"],
        Kind::Id(Vocabulary::NetworkCategory),
        "Number of a category that lists of networks give the side that answered",
    ),
    // Overlays.
    later(
        "tag",
        &[],
        Kind::Name(Vocabulary::Tag),
        "An overlay tag, or the part of it before the first dot",
    ),
    later(
        "tag_category",
        &[],
        Kind::Name(Vocabulary::TagCategory),
        "The category of an overlay tag",
    ),
    later(
        "tag_category_id",
        &[],
        Kind::Id(Vocabulary::TagCategory),
        "Number of the category of an overlay tag",
    ),
    // Counters.
    field("local_bytes", &[], Kind::Number, "Bytes the LAN side sent since the last record"),
    field("local_packets", &[], Kind::Number, "Packets the LAN side sent since the last record"),
    field("local_rate", &[], Kind::Number, "Bytes per second the LAN side sends"),
    field("other_bytes", &[], Kind::Number, "Bytes the far side sent since the last record"),
    field("other_packets", &[], Kind::Number, "Packets the far side sent since the last record"),
    field("other_rate", &[], Kind::Number, "Bytes per second the far side sends"),
    field("src_bytes", &[], Kind::Number, "Bytes the side that began sent since the last record"),
    field(
        "src_packets",
        &[],
        Kind::Number,
        "Packets the side that began sent since the last record",
    ),
    field("src_rate", &[], Kind::Number, "Bytes per second the side that began sends"),
    field(
        "dst_bytes",
        &[],
        Kind::Number,
        "Bytes the side that answered sent since the last record",
    ),
    field(
        "dst_packets",
        &[],
        Kind::Number,
        "Packets the side that answered sent since the last record",
    ),
    field("dst_rate", &[], Kind::Number, "Bytes per second the side that answered sends"),
    field("total_bytes", &[], Kind::Number, "Bytes of both sides"),
    field("total_packets", &[], Kind::Number, "Packets of both sides"),
    field("total_local_bytes", &[], Kind::Number, "Bytes the LAN side sent"),
    field("total_local_packets", &[], Kind::Number, "Packets the LAN side sent"),
    field("total_other_bytes", &[], Kind::Number, "Bytes the far side sent"),
    field("total_other_packets", &[], Kind::Number, "Packets the far side sent"),
    field("total_src_bytes", &[], Kind::Number, "Bytes the side that began sent"),
    field("total_src_packets", &[], Kind::Number, "Packets the side that began sent"),
    field("total_dst_bytes", &[], Kind::Number, "Bytes the side that answered sent"),
    field("total_dst_packets", &[], Kind::Number, "Packets the side that answered sent"),
    field("ts_first_seen", &[], Kind::Number, "Time of the first packet"),
    field("ts_last_seen", &[], Kind::Number, "Time of the last packet"),
    later("tcp_resets", &[], Kind::Number, "TCP resets"),
    later("tcp_retrans", &[], Kind::Number, "TCP segments sent again"),
    later("tcp_seq_errors", &[], Kind::Number, "TCP segments out of sequence"),
    later("tcp_fin_ack", &[], Kind::Number, "TCP ends that were acknowledged"),
    later("tcp_last_seq", &[], Kind::Number, "Last TCP sequence number"),
    // STUN.
    field("stun_mapped", &[], Kind::Address, "The address the server sees"),
    field("stun_peer", &[], Kind::Address, "The address of the peer"),
    field("stun_relayed", &[], Kind::Address, "The address the relay gave"),
    field("stun_response", &[], Kind::Address, "The address the server answers from"),
    field("stun_other", &[], Kind::Address, "The other address of the server"),
    // Intelligence.
    later("intel_criteria_*", &[], Kind::Any, "A named indicator with criteria"),
    later("intel_*", &[], Kind::Any, "A named indicator"),
];
