use super::*;
use crate::dissect::testing::{Talk, mistreat, sample, truncate};

fn tcp(port: u16) -> Talk {
    Talk::new(Transport::Tcp, port)
}

fn has(facts: &Facts, detail: Detail) {
    assert!(facts.details.contains(&detail), "{detail:?} not in {facts:?}");
}

#[test]
fn a_hello_names_the_host_and_waits_for_the_server() {
    let hello = sample("tls13-client");
    let facts = tcp(443).original(&hello).ask(&TLS).unwrap();
    assert_eq!((facts.protocol, facts.pending), (&protocol::HTTPS, true));
    assert_eq!(facts.host.as_deref(), Some("www.example.org"));
    has(&facts, Detail::TlsVersion(0x0304));
    has(&facts, Detail::TlsAlpn("h2,http/1.1".into()));
    assert!(!facts.details.iter().any(|detail| matches!(detail, Detail::TlsEch(_))));
}

#[test]
fn the_server_completes_the_facts() {
    let talk = tcp(8443).original(&sample("tls13-client")).reply(&sample("tls13-server"));
    let facts = talk.ask(&TLS).unwrap();
    assert_eq!((facts.protocol, facts.pending), (&protocol::HTTPS, false));
    assert_eq!(facts.host.as_deref(), Some("www.example.org"));
    has(&facts, Detail::TlsVersion(0x0304));
    has(&facts, Detail::TlsCipher(0x1302));
    // Computed by another program from the same hello.
    has(&facts, Detail::TlsJa4("t13d1812h2_85036bcba153_d41ae481755e".into()));
}

#[test]
fn up_to_1_2_the_certificate_is_read() {
    let (client, server) = (sample("tls12-client"), sample("tls12-server"));
    let early = tcp(143).original(&client).reply(&server[..80]).ask(&TLS).unwrap();
    assert!(early.pending);
    let facts = tcp(143).original(&client).reply(&server).ask(&TLS).unwrap();
    assert_eq!((facts.protocol, facts.pending), (&protocol::IMAPS, false));
    has(&facts, Detail::TlsVersion(0x0303));
    has(&facts, Detail::TlsAlpnServer("imap".into()));
    has(&facts, Detail::TlsServerCn("mail.example.org".into()));
    has(&facts, Detail::TlsIssuerDn("C=AQ, O=Example Ørg, CN=Example Root".into()));
    has(&facts, Detail::TlsSubjectDn("C=AQ, O=Example Ørg, CN=mail.example.org".into()));
    has(&facts, Detail::TlsJa4("t12d1508ip_d68b136fe8d9_e7e480e5a997".into()));
}

/// Made with openssl for names of every kind: the common name, a wildcard and its domain in a row,
/// capitals, an address, a name that is no domain.
#[test]
fn further_hosts_are_read_where_nobody_asked_for_one() {
    let server = sample("tls12-server-names");
    let (early, whole) = (&server[..200], &server[..]);
    let talk = |bytes: &[u8]| tcp(443).reply(bytes).ask(&TLS).unwrap();
    assert!(talk(early).pending);
    let facts = talk(whole);
    assert!(!facts.pending);
    has(&facts, Detail::TlsServerCn("edge.carrier.example".into()));
    let hosts = "edge.carrier.example,shop.example,www.chat.example";
    has(&facts, Detail::TlsServerNames(hosts.into()));
    // The client's own name is better, and the list would be kept for nothing.
    let asked = tcp(143).original(&sample("tls12-client")).reply(whole).ask(&TLS).unwrap();
    has(&asked, Detail::TlsServerCn("edge.carrier.example".into()));
    assert!(!asked.details.iter().any(|detail| matches!(detail, Detail::TlsServerNames(_))));
    for end in 0..server.len() {
        let cut = tcp(443).reply(&server[..end]);
        if let Ok(facts) = cut.ask(&TLS) {
            let complete = facts.details.contains(&Detail::TlsServerNames(hosts.into()));
            assert_eq!(facts.pending, !complete, "{end}");
        }
    }
    mistreat(&TLS, &tcp(443), &server, &["TLS", "HTTP/S"]);
}

#[test]
fn one_side_is_enough() {
    let server = sample("tls12-server");
    for talk in [tcp(443).reply(&server), tcp(443).original(&server).mid_stream()] {
        let facts = talk.ask(&TLS).unwrap();
        assert_eq!((facts.protocol, facts.host.as_deref()), (&protocol::IMAPS, None));
        has(&facts, Detail::TlsServerCn("mail.example.org".into()));
    }
    let facts = tcp(443).reply(&sample("tls13-client")).ask(&TLS).unwrap();
    assert_eq!(facts.host.as_deref(), Some("www.example.org"));
    let last = tcp(443).original(&sample("tls13-client")).at_last().ask(&TLS).unwrap();
    assert!(!last.pending);
}

#[test]
fn alpn_then_port_refine() {
    let hello = sample("tls13-bare-client");
    for (port, protocol) in [
        (443, &protocol::HTTPS),
        (993, &protocol::IMAPS),
        (853, &protocol::DOT),
        (8883, &protocol::MQTTS),
        (4711, &protocol::TLS),
    ] {
        let facts = tcp(port).original(&hello).ask(&TLS).unwrap();
        assert_eq!(facts.protocol, protocol, "port {port}");
    }
    for (alpn, port, protocol) in [
        (&b"\x04imap"[..], 443, &protocol::IMAPS),
        (b"\x0aacme-tls/1", 443, &protocol::TLS),
        (b"\x0aacme-tls/1", 993, &protocol::IMAPS),
        (b"\x02\x0a\x0a\x08http/1.1", 4711, &protocol::HTTPS),
        (b"\x10apns-security-v3", 443, &protocol::APPLE_PUSH),
        (b"\x0bxmpp-client", 5223, &protocol::XMPPS),
    ] {
        let facts = tcp(port).original(&hello_of(&[(16, &with_u16(alpn))])).ask(&TLS).unwrap();
        assert_eq!(facts.protocol, protocol, "{alpn:?} on port {port}");
    }
}

#[test]
fn a_hello_over_many_records_and_segments_is_joined() {
    let hello = sample("tls13-client");
    let mut cut = Vec::new();
    for piece in hello[5..].chunks(100) {
        cut.extend_from_slice(&[22, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
        cut.extend_from_slice(piece);
    }
    let whole = tcp(443).original(&hello).at_last().ask(&TLS).unwrap();
    assert_eq!(tcp(443).original(&cut).at_last().ask(&TLS).unwrap(), whole);
    assert_eq!(truncate(&TLS, &tcp(443), &cut), cut.len() - 1);
}

#[test]
fn a_cut_hello_tells_what_it_has_at_the_last_call() {
    let hello = sample("tls13-client");
    let cut = tcp(443).original(&hello[..300]);
    assert_eq!(cut.ask(&TLS), Err(Stop::NeedMore));
    let facts = cut.at_last().ask(&TLS).unwrap();
    assert_eq!(facts.protocol, &protocol::HTTPS);
    assert_eq!(facts.host.as_deref(), Some("www.example.org"));
    assert!(!facts.details.iter().any(|detail| matches!(detail, Detail::TlsJa4(_))));
}

#[test]
fn every_truncation_waits_and_no_damage_panics() {
    let hello = sample("tls13-client");
    assert_eq!(truncate(&TLS, &tcp(443), &hello), hello.len() - 1);
    mistreat(&TLS, &tcp(443), &hello, &["TLS", "HTTP/S"]);
    mistreat(&TLS, &tcp(443), &sample("tls12-server"), &["TLS", "HTTP/S", "IMAP/S"]);
}

#[test]
fn a_wrong_inner_length_is_malformed() {
    let mut hello = sample("tls13-client");
    hello[43] = 33; // legacy_session_id, at most 32 bytes
    assert_eq!(tcp(443).original(&hello).ask(&TLS), Err(Stop::Malformed));
    let name = [0, 9, 0, 0, 200, b'a', b'b', b'c', b'd', b'e', b'f'];
    let hello = hello_of(&[(0, &name)]);
    assert_eq!(tcp(443).original(&hello).ask(&TLS), Err(Stop::Malformed));
}

#[test]
fn a_bad_answer_leaves_the_client_alone() {
    let mut server = sample("tls13-server");
    server[43] = 200;
    let facts = tcp(443).original(&sample("tls13-client")).reply(&server).ask(&TLS).unwrap();
    assert_eq!((facts.host.as_deref(), facts.pending), (Some("www.example.org"), false));
    let alert = [21, 3, 3, 0, 2, 2, 40];
    let facts = tcp(443).original(&sample("tls13-client")).reply(&alert).ask(&TLS).unwrap();
    assert!(!facts.pending);
}

#[test]
fn encrypted_hellos_and_odd_names_are_told() {
    let hello = hello_of(&[(0xfe0d, &[0]), (0, b"\0\x05\0\0\x02a\0"), (0x1a1a, &[])]);
    let facts = tcp(443).original(&hello).ask(&TLS).unwrap();
    has(&facts, Detail::TlsEch(0xfe0d));
    assert_eq!(facts.host, None);
}

#[test]
fn ssl_2_hellos_are_recognized() {
    let mut hello = vec![0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10];
    hello.resize(0x2e + 2, 7);
    let facts = tcp(443).original(&hello).ask(&TLS).unwrap();
    assert_eq!(facts.protocol, &protocol::HTTPS);
    has(&facts, Detail::TlsVersion(0x0301));
    hello[10] = 0x11; // challenge length: the sum is wrong now
    assert_eq!(tcp(443).original(&hello).ask(&TLS), Err(Stop::NotMine));
    mistreat(&TLS, &tcp(443), &hello, &["TLS", "HTTP/S"]);
}

#[test]
fn records_in_mid_stream_count_only_in_mid_stream() {
    let mut records = vec![23, 3, 3, 0, 3, 1, 2, 3, 23, 3, 3, 0, 1, 9];
    assert_eq!(
        tcp(4711).original(&records).mid_stream().ask(&TLS).unwrap().protocol,
        &protocol::TLS
    );
    assert_eq!(tcp(4711).original(&records).ask(&TLS), Err(Stop::NeedMore));
    assert_eq!(tcp(4711).original(&records).at_last().ask(&TLS), Err(Stop::NotMine));
    records[8] = 0;
    assert_eq!(tcp(4711).original(&records).mid_stream().ask(&TLS), Err(Stop::NeedMore));
    assert!(tcp(4711).original(&records).mid_stream().at_last().ask(&TLS).is_ok());
    assert_eq!(tcp(4711).mid_stream().at_last().ask(&TLS), Err(Stop::NotMine));
}

#[test]
fn others_are_refused_at_once() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-x\r\n", b"\x13BitTorrent protocol", b"\x16\x02"]
    {
        assert_eq!(tcp(443).original(bytes).ask(&TLS), Err(Stop::NotMine), "{bytes:?}");
    }
    let starttls = tcp(25).original(b"EHLO x\r\n").reply(&sample("tls13-server"));
    assert_eq!(starttls.ask(&TLS), Err(Stop::NotMine));
}

#[test]
fn fingerprints_follow_their_description() {
    // The authors' own example of a cipher list.
    let ciphers: Vec<u8> = [
        0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035_u16,
    ]
    .iter()
    .flat_map(|cipher| cipher.to_be_bytes())
    .collect();
    let hello = ClientHello {
        legacy_version: 0x0303,
        ciphers: &ciphers,
        alpn: b"\x03\xabx\xcd",
        whole: true,
        ..ClientHello::default()
    };
    let text = ja4(&hello, Carrier::Quic).unwrap();
    assert_eq!(&*text, "q12i1500ad_8daaf6152771_000000000000");
    assert_eq!(ja4(&ClientHello { whole: false, ..hello }, Carrier::Quic), None);
}

/// A record with a hello that has these extensions.
fn hello_of(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (number, value) in extensions {
        list.extend_from_slice(&number.to_be_bytes());
        list.extend_from_slice(&with_u16(value));
    }
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&with_u16(&list));
    let mut message = vec![1, 0];
    message.extend_from_slice(&with_u16(&body));
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&with_u16(&message));
    record
}

fn with_u16(bytes: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}
