use super::*;
use crate::dissect::testing::{Talk, mistreat, sample, truncate};

fn udp() -> Talk {
    Talk::new(Transport::Udp, 443)
}

fn has(facts: &Facts, detail: Detail) {
    assert!(facts.details.contains(&detail), "{detail:?} not in {facts:?}");
}

#[test]
fn the_example_of_rfc_9001_opens() {
    let facts = udp().original(&sample("quic-rfc9001-a2")).ask(&QUIC).unwrap();
    assert_eq!((facts.protocol, facts.pending), (&PROTOCOL, false));
    assert_eq!(facts.host.as_deref(), Some("example.com"));
    has(&facts, Detail::QuicVersion(1));
    has(&facts, Detail::TlsVersion(0x0304));
    has(&facts, Detail::TlsAlpn("alpn".into()));
    // Computed by another program.
    has(&facts, Detail::TlsJa4("q13d0211an_62ed6f6ca7ad_4d634acda6c0".into()));
}

#[test]
fn both_versions_and_dns_are_told_apart() {
    for (name, version, protocol) in [
        ("quic-v1-client", 1, &PROTOCOL),
        ("quic-v2-client", 0x6b33_43cf, &PROTOCOL),
        ("doq-client", 1, &DOQ),
    ] {
        let facts = udp().original(&sample(name)).ask(&QUIC).unwrap();
        assert_eq!(facts.protocol, protocol, "{name}");
        assert_eq!(facts.host.as_deref(), Some("quic.example.org"), "{name}");
        has(&facts, Detail::QuicVersion(version));
    }
}

#[test]
fn a_hello_over_two_datagrams_is_joined() {
    let (one, two) = (sample("quic-long-1"), sample("quic-long-2"));
    assert_eq!(udp().original(&one).ask(&QUIC), Err(Stop::NeedMore));
    let cut = udp().original(&one).at_last().ask(&QUIC).unwrap();
    assert_eq!(cut.protocol, &PROTOCOL);
    let whole = udp().original(&one).original(&two).ask(&QUIC).unwrap();
    assert_eq!(whole.host.as_deref(), Some("quic.example.org"));
    // In the wrong order, and with the server's answer between.
    let server = sample("quic-v1-server");
    let other = udp().original(&two).reply(&server).original(&one).ask(&QUIC).unwrap();
    assert_eq!(other, whole);
}

#[test]
fn shuffled_repeated_and_overlapping_pieces_are_put_in_order() {
    let (one, two) = (sample("quic-shuffled-1"), sample("quic-shuffled-2"));
    for talk in [
        udp().original(&one).original(&two),
        udp().original(&two).original(&one),
        udp().original(&one).original(&one).original(&two),
    ] {
        let facts = talk.ask(&QUIC).unwrap();
        assert_eq!(facts.host.as_deref(), Some("shuffled.example.org"));
    }
    assert_eq!(udp().original(&two).ask(&QUIC), Err(Stop::NeedMore));
}

#[test]
fn after_a_retry_the_new_identifier_makes_the_keys() {
    let (client, retry) = (sample("quic-retry-client"), sample("quic-retry-server"));
    let facts = udp().reply(&retry).original(&client).ask(&QUIC).unwrap();
    assert_eq!(facts.host.as_deref(), Some("quic.example.org"));
    // The first Initial was long: half a hello, then Retry, then a whole one.
    let facts = udp().original(&sample("quic-long-2")).reply(&retry).original(&client).ask(&QUIC);
    assert_eq!(facts.unwrap().host.as_deref(), Some("quic.example.org"));
}

#[test]
fn the_servers_side_names_the_protocol_in_the_end() {
    let server = sample("quic-v1-server");
    assert_eq!(udp().reply(&server).ask(&QUIC), Err(Stop::NeedMore));
    let facts = udp().reply(&server).at_last().ask(&QUIC).unwrap();
    assert_eq!((facts.protocol, facts.host.as_deref()), (&PROTOCOL, None));
    // The capture's first packet may be the server's.
    let facts = udp().original(&server).reply(&sample("quic-v1-client")).ask(&QUIC).unwrap();
    assert_eq!(facts.host.as_deref(), Some("quic.example.org"));
}

#[test]
fn negotiation_alone_is_waited_for() {
    let mut grease = sample("quic-v1-client");
    grease[1..5].copy_from_slice(&[0x1a, 0x2a, 0x3a, 0x4a]);
    let negotiation = b"\x80\0\0\0\0\x02ab\x02cd\0\0\0\x01\x6b\x33\x43\xcf";
    let talk = udp().original(&grease).reply(negotiation);
    assert_eq!(talk.ask(&QUIC), Err(Stop::NeedMore));
    assert_eq!(talk.clone().at_last().ask(&QUIC), Err(Stop::NotMine));
    let facts = talk.original(&sample("quic-v1-client")).ask(&QUIC).unwrap();
    assert_eq!(facts.host.as_deref(), Some("quic.example.org"));
}

#[test]
fn a_client_may_change_its_version_and_keep_its_identifier() {
    let mut other = sample("quic-rfc9001-a2");
    other[1..5].copy_from_slice(&[0xff, 0, 0, 0x1d]); // sealed for another version
    let talk = udp().original(&other).original(&sample("quic-rfc9001-a2"));
    assert_eq!(talk.ask(&QUIC).unwrap().host.as_deref(), Some("example.com"));
}

#[test]
fn googles_hellos_are_read_encrypted_and_plain() {
    let facts = udp().original(&sample("gquic-q050")).ask(&QUIC).unwrap();
    assert_eq!(facts.host.as_deref(), Some("gquic.example.org"));
    has(&facts, Detail::QuicVersion(u32::from_be_bytes(*b"Q050")));
    let chlo = b"CHLO\x02\0\0\0PAD\0\x04\0\0\0SNI\0\x0f\0\0\0----example.org";
    for (header, version) in [
        (&b"\x0dcid-cid-Q024\x01hash-hash-ha\xa0\x01\0\x04"[..], b"Q024"),
        (b"\x09cid-cid-Q043\x01hash-hash-ha\xa0\x01\x04\0", b"Q043"),
        (b"\xc3Q046\x50cid-cid-\0\0\0\x01hash-hash-ha\xa0\x01\0\x04", b"Q046"),
    ] {
        let packet = [header, chlo].concat();
        let facts = udp().original(&packet).ask(&QUIC).unwrap();
        assert_eq!(facts.host.as_deref(), Some("example.org"));
        has(&facts, Detail::QuicVersion(u32::from_be_bytes(*version)));
        mistreat(&QUIC, &udp(), &packet, &["QUIC"]);
        let mut damaged = packet.clone();
        damaged[header.len() + 12] = 99; // PAD now ends behind SNI
        assert_eq!(udp().original(&damaged).ask(&QUIC), Err(Stop::Malformed));
    }
}

#[test]
fn every_truncation_waits_or_refuses_and_no_damage_panics() {
    for name in ["quic-v1-client", "quic-rfc9001-a2", "gquic-q050"] {
        let packet = sample(name);
        truncate(&QUIC, &udp(), &packet);
        mistreat(&QUIC, &udp(), &packet[..400.min(packet.len())], &["QUIC", "DoQ"]);
    }
}

#[test]
fn a_length_beyond_the_datagram_tells_nothing_but_the_version() {
    let mut packet = sample("quic-rfc9001-a2");
    packet[16..18].copy_from_slice(&[0x40, 0x10]); // Length: shorter than a sample
    assert_eq!(udp().original(&packet).ask(&QUIC), Err(Stop::NotMine));
    packet[16..18].copy_from_slice(&[0x7f, 0xff]);
    let facts = udp().original(&packet).ask(&QUIC).unwrap();
    assert_eq!(facts.host.as_deref(), Some("example.com"));
}

#[test]
fn work_is_bounded() {
    // Each of these takes another key; the fourth is not tried.
    let mut talk = udp();
    for number in 0..6 {
        let mut packet = sample("quic-rfc9001-a2");
        packet[6] = number;
        talk = talk.original(&packet);
    }
    assert_eq!(talk.original(&sample("quic-rfc9001-a2")).ask(&QUIC), Err(Stop::NeedMore));
}

#[test]
fn others_are_refused_at_once() {
    let mut short_header = sample("quic-v1-client");
    short_header[0] = 0x4a;
    for bytes in [
        &short_header[..],
        b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl",
        b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01",
        b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe",
        b"\x80\x60\0\x01\0\0\0\0\0\0\0\x01abcdefgh",
        b"",
    ] {
        assert_eq!(
            Talk::new(Transport::Udp, 4711).original(bytes).ask(&QUIC),
            Err(Stop::NotMine),
            "{bytes:?}"
        );
    }
}

/// The hello of the example in RFC 9001, as its CRYPTO frame has it.
fn hello_bytes() -> Vec<u8> {
    let packet = sample("quic-rfc9001-a2");
    let mut reader = Reader::datagram(&packet);
    let Ok(Long::Initial(initial)) = Long::parse(&mut reader) else { panic!() };
    let keys = ClientKeys::remembered(&initial.version, initial.dcid).unwrap();
    let mut payload = keys.open(&initial).unwrap();
    payload.read(0, 4 + 241)[4..4 + 241].to_vec()
}

fn crypto_frame(kind: u8, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let varint = |value: usize| (u16::try_from(value).unwrap() | 0x4000).to_be_bytes();
    [&[kind][..], &varint(offset), &varint(bytes.len()), bytes].concat()
}

/// Versions whose salts the corpus proves or an RFC prints; here their packets and frames.
#[test]
fn every_version_is_opened() {
    let hello = hello_bytes();
    let drafts = 0xff00_0015..=0xff00_0022_u32;
    let facebook = [0xface_b001, 0xface_b002, 0xface_b003, 0xface_b004, 0xface_b00e, 0xface_b015];
    let google = [*b"T050", *b"T051"].map(u32::from_be_bytes);
    for number in drafts.chain([1, 0x6b33_43cf, 0x709a_50c4]).chain(facebook).chain(google) {
        let version = Version::of(number).unwrap();
        let kind = if version.family == version::Family::Google { 8 } else { 6 };
        let frame = crypto_frame(kind, 0, &hello);
        let packet = ClientKeys::seal(&version, b"12345678", b"12345678", 7, &frame);
        let facts = udp().original(&packet).ask(&QUIC).unwrap();
        assert_eq!(facts.host.as_deref(), Some("example.com"), "{number:#x}");
        has(&facts, Detail::QuicVersion(number));
        for other in [1, 0x6b33_43cf, 0xff00_001d] {
            if Version::of(other).unwrap().salt != version.salt {
                let mut changed = packet.clone();
                changed[1..5].copy_from_slice(&u32::to_be_bytes(other));
                assert!(udp().original(&changed).ask(&QUIC).is_err());
            }
        }
    }
}

/// Cut anywhere, pieces over each other, in any order, over up to four datagrams, identifiers that
/// change after the first, pings and padding between.
#[test]
fn any_cut_and_order_of_a_hello_is_put_together() {
    let hello = hello_bytes();
    let version = Version::of(1).unwrap();
    let whole = udp().original(&sample("quic-rfc9001-a2")).ask(&QUIC).unwrap();
    let mut state = 1_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for round in 0..200 {
        let mut cuts: Vec<usize> = (0..random(12)).map(|_| random(hello.len())).collect();
        cuts.extend([0, hello.len()]);
        cuts.sort_unstable();
        let mut frames: Vec<Vec<u8>> = Vec::new();
        for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
            let from = pair[0].saturating_sub(random(20));
            let to = (pair[1] + random(20)).min(hello.len());
            let place = random(frames.len() + 1);
            frames.insert(place, crypto_frame(6, from, &hello[from..to]));
            if random(3) == 0 {
                frames.push(vec![1, 0, 0, 0, 1]);
            }
        }
        let datagrams = 1 + random(4);
        let mut payloads = vec![vec![0; 20]; datagrams];
        for frame in frames {
            payloads[random(datagrams)].extend(frame);
        }
        let mut talk = udp();
        for (number, payload) in payloads.iter().enumerate() {
            let dcid: &[u8] = if number == 0 { b"12345678" } else { b"servers" };
            let number = u32::try_from(number).unwrap();
            let packet = ClientKeys::seal(&version, b"12345678", dcid, number, payload);
            talk = talk.original(&packet);
            if random(4) == 0 {
                talk = talk.original(&packet);
            }
            if let Ok(facts) = talk.ask(&QUIC) {
                assert_eq!(facts, whole, "round {round}");
            }
        }
        assert_eq!(talk.ask(&QUIC), Ok(whole.clone()), "round {round}");
    }
}

#[test]
fn data_before_the_handshake_is_waited_through() {
    let initial = sample("quic-v1-client");
    let dcid = &initial[6..6 + usize::from(initial[5])];
    let early = |version: [u8; 4], kind: u8| {
        let length = u8::try_from(dcid.len()).unwrap();
        [&[kind][..], &version, &[length], dcid, &[0, 0x40, 40], &[7; 40]].concat()
    };
    for (version, kind) in [([0, 0, 0, 1], 0xd3), ([0x6b, 0x33, 0x43, 0xcf], 0xe3)] {
        let early = early(version, kind);
        assert_eq!(udp().original(&early).ask(&QUIC), Err(Stop::NeedMore));
        assert_eq!(udp().original(&early).at_last().ask(&QUIC).unwrap().protocol, &PROTOCOL);
        for talk in [
            udp().original(&early).original(&early).original(&initial),
            udp().original(&[&early[..], &initial].concat()),
            udp().original(&[&initial[..], &early].concat()),
        ] {
            let facts = talk.ask(&QUIC).unwrap();
            assert_eq!(facts.host.as_deref(), Some("quic.example.org"));
        }
    }
}

#[test]
fn the_middle_of_a_connection_is_known_by_what_stays() {
    let packet = |first: u8, id: &[u8; 8], rest: u8| [&[first][..], id, &[rest; 20]].concat();
    let id = b"\x10\x72\x04\x02\x27\x2e\xd0\xe8";
    let talk = |id: [&[u8; 8]; 4], firsts: [u8; 4]| {
        let packets = id.iter().zip(firsts).zip(1..).map(|((id, first), n)| packet(first, id, n));
        packets.fold(udp().original(&[0x4b; 100]), |talk, packet| talk.reply(&packet))
    };
    let firsts = [0x41, 0x41, 0x43, 0x5e];
    let facts = talk([id; 4], firsts).ask(&QUIC).unwrap();
    assert_eq!((facts.protocol, facts.pending, facts.host), (&PROTOCOL, false, None));
    let few = udp().reply(&packet(0x41, id, 1)).reply(&packet(0x43, id, 2));
    assert_eq!(few.ask(&QUIC), Err(Stop::NeedMore));
    let again = (0..6).fold(few, |talk, _| talk.reply(&packet(0x43, id, 2)));
    assert_eq!(again.ask(&QUIC), Err(Stop::NeedMore), "the same packet proves nothing");
    assert!(talk([id; 4], [0x48; 4]).ask(&QUIC).is_err(), "OpenVPN's data");
    assert!(talk([id; 4], [0x41, 0x41, 0x43, 0x81]).ask(&QUIC).is_err());
    assert!(talk([id, id, id, b"another1"], firsts).ask(&QUIC).is_err());
    assert!(talk([b"\0\0\0\x01\0\0\0\x02"; 4], firsts).ask(&QUIC).is_err(), "counters");
    let mut elsewhere = talk([id; 4], firsts);
    elsewhere.ports[1] = 8443;
    assert_eq!(elsewhere.ask(&QUIC), Err(Stop::NotMine));
    // A client that is seen from its beginning is still asked for its name.
    let facts = udp().reply(&packet(0x41, id, 1)).original(&sample("quic-v1-client")).ask(&QUIC);
    assert_eq!(facts.unwrap().host.as_deref(), Some("quic.example.org"));
}
