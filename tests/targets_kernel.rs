//! Engine and keeper against the kernel at hand, with `nft`, `ipset` and `conntrack` as judges: the
//! acceptance configurations of the specification. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;
mod rig;

use std::thread;
use std::time::{Duration, Instant};

use netlink::{namespace, run};
use nfa::netlink::{Client, conntrack, nftables};
use rig::{INVITE, Rig, handshake, ipset_elements, nft, nft_elements};

const CLIENT: &str = "192.168.1.10 5000";
const PEER: &str = "203.0.113.9 6881";
const PEER_IN_SET: &str = "192.168.1.10 . tcp . 6881 . 203.0.113.9";

/// One action on BitTorrent, one target of these properties.
fn bittorrent(target: &str) -> String {
    format!(
        r#"{{"targets": {{"t": {{{target}}}}},
            "actions": {{"a": {{"criteria": "protocol == 'bittorrent';", "targets": ["t"]}}}}}}"#
    )
}

const CLASSIC: &str = r#""type": ["local_addr", "ip_proto", "other_port", "other_addr"]"#;

/// A1: every key of the first version at once.
#[test]
fn every_key_of_the_first_version_does_what_it_did() {
    let Some(()) = namespace() else { return };
    let folder = std::env::temp_dir().join(format!("nfa-a1-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let labels = folder.join("connlabel.conf");
    std::fs::write(&labels, "9 nfa-calls\n").unwrap();
    let text = r#"{ "version": 1,
  "targets": {
    "log.calls":    { "target_type": "log", "target_enabled": false, "prefix": "nfa-calls", "interval": 30 },
    "ipset.calls":  { "target_type": "ipset", "set_name": "nfa.calls", "set_family": "ipv4", "type": "hash:ip,port,ip", "ttl": 90, "flush_on_destroy": true },
    "ctlabel.calls":{ "target_type": "ctlabel", "labels": ["nfa-calls"] },
    "nftset.calls": { "target_type": "nftset", "set_name": "nfa.calls", "set_family": "ipv4",
                      "type": ["local_addr", "ip_proto", "other_port", "other_addr"], "ttl": 90, "flush_on_create": true } },
  "target_defaults": {
    "log":    { "path": "FOLDER", "prefix": "nfa-log", "suffix": ".json", "interval": 120 },
    "ipset":  { "set_family": "*", "ttl": 400 },
    "nftset": { "table_name": "nfatest", "table_family": "inet", "size": 32768, "ttl": 200, "managed": true, "flush_on_destroy": true } },
  "target_globals": { "ctlabel": { "max_bits": 127, "connlabel_conf": "FOLDER/connlabel.conf" } },
  "actions": { "calls": { "enabled": true, "interface": "*", "criteria": "category == 'voip';",
    "targets": ["log.calls", "ipset.calls", "ctlabel.calls", "nftset.calls"],
    "exemptions": ["127.0.0.1", "app == 'netify.zoom';"] } },
  "exemptions": ["192.168.1.5", "protocol == 'ntp';"] }"#;
    let text = text.replace("FOLDER", folder.to_str().unwrap());
    run("ipset create nfa.calls.v4 hash:ip,port,ip timeout 400");
    nft("add table inet t; add chain inet t c { type filter hook output priority 0; }");
    nft("add rule inet t c ct label 77 counter");
    run("conntrack -I -p udp -s 192.168.1.50 -d 203.0.113.9 --sport 40000 --dport 5060 -t 60");
    let mut rig = Rig::new(&text);
    rig.udp("192.168.1.50 40000", "203.0.113.9 5060", INVITE);
    // None of these does anything: exempt, another category, the other family.
    rig.udp("192.168.1.5 40000", "203.0.113.9 5060", INVITE);
    rig.udp("192.168.1.50 40001", "127.0.0.1 5060", INVITE);
    let ntp = [&[0x23, 2, 6, 0xe9][..], &[0; 44]].concat();
    rig.udp("192.168.1.50 123", "203.0.113.9 123", &ntp);
    rig.udp("fd00::50 40000", "2001:db8::9 5060", INVITE);
    rig.tcp(CLIENT, PEER, &handshake());
    let ipset = run("ipset list nfa.calls.v4");
    let members = ipset.split("Members:\n").nth(1).unwrap();
    assert!(
        [
            "203.0.113.9,udp:5060,192.168.1.50 timeout 90\n",
            "203.0.113.9,udp:5060,192.168.1.50 timeout 89\n"
        ]
        .contains(&members),
        "{ipset}"
    );
    let set = nft("list set inet nfatest nfa.calls.v4");
    assert!(set.contains("type ipv4_addr . inet_proto . inet_service . ipv4_addr"), "{set}");
    assert!(set.contains("size 32768") && set.contains("timeout 1m30s"), "{set}");
    let element = "192.168.1.50 . udp . 5060 . 203.0.113.9";
    assert_eq!(nft_elements("inet nfatest nfa.calls.v4"), [element]);
    let mut labels = Vec::new();
    let mut client = Client::open().unwrap();
    conntrack::dump(&mut client, |connection| labels.extend(connection.labels.bits())).unwrap();
    assert_eq!(labels, [9]);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
    rig.restore();
    rig.close();
    assert_eq!(ipset_elements("nfa.calls.v4"), [""; 0]);
    assert_eq!(nft_elements("inet nfatest nfa.calls.v4"), [""; 0]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no log");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_field_of_nft_sets_is_filled_in_any_order() {
    let Some(()) = namespace() else { return };
    let configuration = |family: &str| {
        bittorrent(&format!(
            r#""target_type": "nftset", "set_name": "all", "managed": true, "ttl": 100, "size": 77,
            "table_family": "{family}", "set_family": "ipv4",
            "type": ["other_mac", "interface", "other_port", "mark", "local_addr"]"#
        ))
    };
    for family in ["inet", "ip", "ip6", "bridge", "netdev"] {
        let mut rig = Rig::new(&configuration(family));
        rig.tcp(CLIENT, PEER, &handshake());
        let set = nft(&format!("list set {family} nfa all.v4"));
        let shape = "type ether_addr . ifname . inet_service . mark . ipv4_addr";
        assert!(set.contains(shape) && set.contains("size 77"), "{set}");
        assert!(set.contains("timeout 1m40s"), "{set}");
        let element = "02:00:00:00:00:02 . \"br-lan\" . 6881 . 0x00000000 . 192.168.1.10";
        assert_eq!(nft_elements(&format!("{family} nfa all.v4")), [element]);
        assert_eq!(rig.told(), [""; 0]);
    }
    // IPv6, and hardware addresses, which have no family.
    let mut rig = Rig::new(
        r#"{"targets": {
        "six": {"target_type": "nftset", "set_name": "a", "managed": true,
                "type": ["other_addr", "local_port", "ip_proto", "interface"]},
        "mac": {"target_type": "nftset", "set_name": "a", "managed": true, "type": "local_mac"}},
        "actions": {"a": {"criteria": "*", "targets": ["six", "mac"]}}}"#,
    );
    rig.tcp("2001:db8::1 5000", "2001:db8:1::2 6881", &handshake());
    assert_eq!(nft_elements("inet nfa a.v6"), ["2001:db8:1::2 . 5000 . tcp . \"br-lan\""]);
    assert_eq!(nft_elements("inet nfa a.v4"), [""; 0]);
    assert_eq!(nft_elements("inet nfa a.mac"), ["02:00:00:00:00:01"]);
    assert_eq!(rig.told(), [""; 0]);
}

/// A3: a set in firewall4's table, made by its owner.
#[test]
fn a_set_of_firewall4_is_filled_and_its_rules_count() {
    let Some(()) = namespace() else { return };
    nft("add table inet fw4");
    let set = "add set inet fw4 nfa.blocks.v4 \
        { type ipv4_addr . inet_proto . inet_service . ipv4_addr; size 65536; timeout 15m; }";
    nft(set);
    let mut rig = Rig::new(
        r#"{"targets": {"block": { "target_type": "nftset", "target_enabled": true,
        "table_name": "fw4", "table_family": "inet", "size": 65535, "ttl": 900,
        "set_name": "nfa.blocks", "set_family": "ipv4", "flush_on_destroy": true,
        "type": ["local_addr","ip_proto","other_port","other_addr"] }},
        "actions": {"rule": { "enabled": true, "interface": "*",
        "criteria": "(app == 'netify.tiktok') ;", "targets": ["block"] }}}"#,
    );
    assert_eq!(rig.told(), [""; 0]);
    let get = b"GET / HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n";
    rig.tcp("127.0.0.1 5000", "127.0.0.2 80", get);
    let element = "127.0.0.1 . tcp . 80 . 127.0.0.2";
    assert_eq!(nft_elements("inet fw4 nfa.blocks.v4"), [element]);
    let listed = nft("list set inet fw4 nfa.blocks.v4");
    assert!(listed.contains("expires 14m59s") || listed.contains("expires 15m"), "{listed}");
    // A rule on it counts a real packet.
    nft("add chain inet fw4 out { type filter hook output priority 0; }");
    nft("add rule inet fw4 out ip saddr . ip protocol . th dport . ip daddr @nfa.blocks.v4 \
         counter reject with tcp reset");
    let connect = |host, port| {
        let to = std::net::SocketAddr::from(([127, 0, 0, host], port));
        assert!(std::net::TcpStream::connect_timeout(&to, Duration::from_secs(5)).is_err());
        nft("list chain inet fw4 out").contains("counter packets 0 ")
    };
    assert!(connect(2, 81) && connect(3, 80), "not of the set");
    assert!(!connect(2, 80), "counted and rejected");
    rig.tcp("127.0.0.1 5001", "127.0.0.1 80", get);
    // `fw4 restart`: table gone and made anew, all in one transaction, then the next with a gap.
    nft(&format!("delete table inet fw4; add table inet fw4; {set}"));
    rig.notice();
    assert_eq!(nft_elements("inet fw4 nfa.blocks.v4").len(), 2);
    nft("delete table inet fw4");
    rig.notice();
    nft("add table inet fw4");
    nft(set);
    rig.notice();
    assert_eq!(nft_elements("inet fw4 nfa.blocks.v4").len(), 2);
    assert_eq!(
        rig.told(),
        [
            "nft set inet fw4 nfa.blocks.v4 has gone; it is filled once it is back",
            "nft set inet fw4 nfa.blocks.v4 is there now"
        ]
    );
    rig.close();
    assert_eq!(nft_elements("inet fw4 nfa.blocks.v4"), [""; 0]);
}

/// Waits until the keeper's descriptor can be read, as the daemon's poll does.
fn wait_for_events(rig: &Rig) {
    use nfa::sys::{Interest, PollFd, poll};
    let mut fds = [PollFd::new(rig.keeper.event_fds().next().unwrap(), Interest::Read)];
    assert_eq!(
        poll(&mut fds, Some(Duration::from_secs(1))).unwrap(),
        1,
        "an event within a second"
    );
}

#[test]
fn nft_elements_are_back_at_once_whatever_others_do() {
    let Some(()) = namespace() else { return };
    nft("add table inet fw4; add set inet fw4 s.v4 { type ipv4_addr; timeout 1h; }");
    let own = format!(
        r#"{{"targets": {{
        "own": {{"target_type": "nftset", "set_name": "s", "managed": true, "ttl": 600, {CLASSIC}}},
        "theirs": {{"target_type": "nftset", "table_name": "fw4", "set_name": "s",
                    "set_family": "ipv4", "ttl": 600, "type": ["other_addr"]}}}},
        "actions": {{"a": {{"criteria": "protocol == 'bittorrent';",
                            "targets": ["own", "theirs"]}}}}}}"#
    );
    let mut rig = Rig::new(&own);
    rig.tcp(CLIENT, PEER, &handshake());
    let foreign = "add table inet fw4; add set inet fw4 s.v4 { type ipv4_addr; timeout 1h; }";
    let cases = [
        "flush set inet nfa s.v4; flush set inet fw4 s.v4".to_owned(),
        "delete table inet nfa".to_owned(),
        "delete set inet nfa s.v4".to_owned(),
        "delete set inet nfa s.v4; delete set inet nfa s.v6".to_owned(),
        "delete element inet nfa s.v4 { 192.168.1.10 . tcp . 6881 . 203.0.113.9 }".to_owned(),
        "delete set inet nfa s.v4; add set inet nfa s.v4 \
         { type ipv4_addr . inet_proto . inet_service . ipv4_addr; size 65536; timeout 10m; }"
            .to_owned(),
        // Another shape in our own table: made anew.
        "delete set inet nfa s.v4; add set inet nfa s.v4 { type ipv4_addr; }".to_owned(),
        format!("delete table inet fw4; {foreign}"),
        format!("flush ruleset; {foreign}"),
    ];
    for case in cases {
        // What is on the way from the last case.
        rig.notice();
        let start = Instant::now();
        nft(&case);
        wait_for_events(&rig);
        rig.notice();
        assert_eq!(nft_elements("inet nfa s.v4"), [PEER_IN_SET], "{case}");
        assert_eq!(nft_elements("inet fw4 s.v4"), ["203.0.113.9 timeout 10m"], "{case}");
        assert_eq!(nft_elements("inet nfa s.v6"), [""; 0], "{case}");
        assert!(start.elapsed() < Duration::from_secs(1), "{case}: {:?}", start.elapsed());
    }
    // Nothing of it was of our own making: what we do ourselves is no reason to look.
    rig.notice();
    let calls = rig.keeper.calls();
    rig.wait(301); // refreshes
    rig.notice();
    assert!(rig.keeper.calls() - calls < 20, "{}", rig.keeper.calls() - calls);
    assert_eq!(rig.keeper.failures(), 0, "{:?}", rig.told);
    // Somebody makes it with another key: nothing is changed and both are named.
    rig.told();
    nft("delete set inet fw4 s.v4; add set inet fw4 s.v4 { type ipv4_addr . inet_service; }");
    rig.notice();
    assert_eq!(
        rig.told(),
        [
            "nft set inet fw4 s.v4 has another shape (type ipv4_addr . inet_service, expected ipv4_addr, \
             timeout none, expected 600s, size none, expected 65536): not filled"
        ]
    );
    rig.tcp("192.168.1.11 5000", PEER, &handshake());
    assert_eq!(rig.keeper.failures(), 0);
    // And as it was.
    nft("delete set inet fw4 s.v4; add set inet fw4 s.v4 { type ipv4_addr; flags timeout; }");
    rig.notice();
    assert_eq!(nft_elements("inet fw4 s.v4"), ["203.0.113.9 timeout 10m"]);
}

#[test]
fn an_event_that_was_lost_is_made_up_for() {
    let Some(()) = namespace() else { return };
    let target = format!(r#""target_type": "nftset", "set_name": "s", "managed": true, {CLASSIC}"#);
    let mut rig = Rig::new(&bittorrent(&target));
    rig.tcp(CLIENT, PEER, &handshake());
    rig.restore();
    // More than a socket holds.
    nft("flush set inet nfa s.v4");
    for _ in 0..40 {
        let many: Vec<String> =
            (0..2000).map(|n| format!("10.1.{}.{}", n / 250, n % 250)).collect();
        nft("add table ip other; add set ip other x { type ipv4_addr; }");
        nft(&format!("add element ip other x {{ {} }}; delete table ip other", many.join(", ")));
    }
    rig.now = rig.now.after(Duration::from_secs(1));
    rig.restore();
    assert_eq!(nft_elements("inet nfa s.v4"), [PEER_IN_SET]);
}

#[test]
fn a_managed_set_of_another_table_is_made_and_left_as_it_is() {
    let Some(()) = namespace() else { return };
    let of = |ttl: u32, table: &str| {
        bittorrent(&format!(
            r#""target_type": "nftset", "set_name": "s", "set_family": "ipv4", "managed": true,
            "ttl": {ttl}, "table_name": "{table}", {CLASSIC}"#
        ))
    };
    let mut rig = Rig::new(&of(60, "theirs"));
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(nft_elements("inet theirs s.v4"), [PEER_IN_SET]);
    assert_eq!(rig.told(), [""; 0]);
    drop(rig);
    let mut rig = Rig::new(&of(600, "theirs"));
    assert_eq!(
        rig.told(),
        [
            "nft set inet theirs s.v4 has another shape (timeout 60s, expected 600s): filled as it is"
        ]
    );
    assert_eq!(nft_elements("inet theirs s.v4"), [PEER_IN_SET], "its elements stay");
    // Firewall4's table is not made: it would take that for a sign that it runs.
    let mut rig = Rig::new(&of(60, "fw4"));
    assert_eq!(
        rig.told(),
        ["nft set inet fw4 s.v4 does not exist; it is filled as soon as it is made"]
    );
    rig.tcp(CLIENT, PEER, &handshake());
    nft("add table inet fw4");
    rig.restore();
    assert_eq!(nft_elements("inet fw4 s.v4"), [PEER_IN_SET]);
    // A rule keeps a set of another shape from being made anew, and is told.
    let mut rig = Rig::new(&of(60, "nfa"));
    nft(
        "add chain inet nfa c; add rule inet nfa c ip saddr . ip protocol . th dport . ip daddr @s.v4",
    );
    rig.reload(&of(600, "nfa"));
    assert_eq!(
        rig.told(),
        [
            "nft set inet nfa s.v4 has another shape (timeout 60s, expected 600s), and cannot be made \
          anew: nft destroy set inet nfa s.v4: EBUSY: a rule refers to it"
        ]
    );
}

#[test]
fn a_reload_sends_differences_and_takes_away_what_nobody_wants() {
    let Some(()) = namespace() else { return };
    let both = format!(
        r#"{{"targets": {{
        "old": {{"target_type": "nftset", "set_name": "old", "managed": true, "linger": 60, {CLASSIC}}},
        "new": {{"target_type": "nftset", "set_name": "new", "managed": true, {CLASSIC}}},
        "kept": {{"target_type": "nftset", "table_name": "t", "set_name": "kept", {CLASSIC}}}}},
        "actions": {{"a": {{"criteria": "protocol == 'bittorrent';", "targets": ["old", "kept"]}}}}}}"#
    );
    nft("add table inet t");
    nft("add set inet t kept.v4 { type ipv4_addr . inet_proto . inet_service . ipv4_addr; }");
    nft("add set inet t kept.v6 { type ipv6_addr . inet_proto . inet_service . ipv6_addr; }");
    let mut rig = Rig::new(&both);
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(nft_elements("inet t kept.v4"), [PEER_IN_SET]);
    rig.notice();
    let mut client = Client::open().unwrap();
    let mut generation = || nftables::generation(&mut client).unwrap();
    let before = generation();
    rig.reload(&both);
    assert_eq!((generation(), rig.told()), (before, Vec::new()), "nothing was sent");
    // `old` and `kept` are wanted no more, `new` is.
    let only_new = bittorrent(&format!(
        r#""target_type": "nftset", "set_name": "new", "managed": true, {CLASSIC}"#
    ));
    rig.reload(&only_new);
    assert_eq!(nft_elements("inet nfa new.v4"), [PEER_IN_SET]);
    assert_eq!(nft_elements("inet t kept.v4"), [""; 0]);
    assert!(!nft("list table inet nfa").contains("set old"), "destroyed");
    assert!(nft("list table inet t").contains("set kept.v4"), "not ours to destroy");
    assert_eq!(rig.told(), [""; 0]);
    // One with a timeout, made anew in its place.
    rig.reload(&only_new.replace("\"managed\"", "\"ttl\": 60, \"managed\""));
    rig.notice();
    assert_eq!(nft_elements("inet nfa new.v4"), [PEER_IN_SET]);
    assert!(nft("list set inet nfa new.v4").contains("timeout 1m"));
    assert_eq!(rig.told(), [""; 0]);
}

/// A12 in real time, for both systems.
#[test]
fn a_long_flow_keeps_its_element_and_shared_ones_stay() {
    let Some(()) = namespace() else { return };
    let mut rig = Rig::new(
        r#"{"targets": {
        "nft": {"target_type": "nftset", "set_name": "s", "set_family": "ipv4", "managed": true,
                "ttl": 2, "type": ["other_addr"]},
        "ipset": {"target_type": "ipset", "set_name": "s", "set_family": "ipv4", "managed": true,
                  "ttl": 2}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["nft", "ipset"]}}}"#,
    );
    rig.tcp(CLIENT, PEER, &handshake());
    rig.tcp("192.168.1.11 5000", PEER, &handshake());
    let (start, begun) = (Instant::now(), rig.now);
    while start.elapsed() < Duration::from_secs(6) {
        rig.now = begun.after(start.elapsed());
        rig.tick();
        assert_eq!(nft_elements("inet nfa s.v4"), ["203.0.113.9"], "{:?}", start.elapsed());
        assert_eq!(ipset_elements("s.v4"), ["203.0.113.9"], "{:?}", start.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
    // One of two ends.
    let reset = nfa::wire::TcpFlags::RST;
    rig.flags(CLIENT, PEER, reset);
    rig.wait(8);
    assert_eq!(nft_elements("inet nfa s.v4"), ["203.0.113.9"]);
    assert_eq!(ipset_elements("s.v4"), ["203.0.113.9"]);
    rig.flags("192.168.1.11 5000", PEER, reset);
    rig.wait(8);
    assert_eq!(nft_elements("inet nfa s.v4"), [""; 0]);
    assert_eq!(ipset_elements("s.v4"), [""; 0]);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

#[test]
fn ipset_elements_are_back_within_a_second_whatever_others_do() {
    let Some(()) = namespace() else { return };
    run("ipset create theirs.v4 hash:ip timeout 60");
    let mut rig = Rig::new(
        r#"{"targets": {
        "own": {"target_type": "ipset", "set_name": "own", "set_family": "ipv4", "managed": true,
                "ttl": 600, "type": "hash:ip,port,ip"},
        "theirs": {"target_type": "ipset", "set_name": "theirs", "set_family": "ipv4", "ttl": 600}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["own", "theirs"]}}}"#,
    );
    rig.tcp(CLIENT, PEER, &handshake());
    let own = ["203.0.113.9,tcp:6881,192.168.1.10"];
    for case in [
        "ipset flush",
        "ipset flush own.v4",
        "ipset destroy own.v4",
        "ipset del own.v4 203.0.113.9,tcp:6881,192.168.1.10",
        "ipset destroy theirs.v4; ipset create theirs.v4 hash:ip",
        "ipset destroy theirs.v4; ipset create theirs.v4 hash:ip timeout 60 maxelem 5",
        "ipset destroy own.v4; ipset create own.v4 hash:ip,port,ip timeout 600",
        "ipset destroy; ipset create theirs.v4 hash:ip timeout 5",
    ] {
        case.split(';').for_each(|command| drop(run(command)));
        rig.restore(); // the daemon's look, once a second
        assert_eq!(ipset_elements("own.v4"), own, "{case}");
        assert_eq!(ipset_elements("theirs.v4"), ["203.0.113.9"], "{case}");
        assert_eq!(rig.keeper.failures(), 0, "{case}: {:?}", rig.told);
    }
    rig.told();
    // Gone, and back after a while; then with another key.
    run("ipset destroy theirs.v4");
    rig.restore();
    run("ipset create theirs.v4 hash:ip timeout 60");
    rig.restore();
    assert_eq!(ipset_elements("theirs.v4"), ["203.0.113.9"]);
    run("ipset destroy theirs.v4");
    run("ipset create theirs.v4 hash:ip,port");
    rig.restore();
    rig.restore();
    run("ipset destroy theirs.v4");
    run("ipset create theirs.v4 hash:net"); // takes addresses too
    rig.restore();
    assert_eq!(ipset_elements("theirs.v4"), ["203.0.113.9"]);
    assert_eq!(
        rig.told(),
        [
            "ipset theirs.v4 has gone; it is filled once it is back",
            "ipset theirs.v4 is there now",
            "ipset theirs.v4 is hash:ip,port family inet, expected hash:ip family inet: not filled",
            "ipset theirs.v4 is there now"
        ]
    );
}

#[test]
fn elements_carry_what_packets_get() {
    let Some(()) = namespace() else { return };
    run("ipset create plain.v4 hash:ip");
    let text = |mark: &str| {
        format!(
            r#"{{"targets": {{
            "a": {{"target_type": "ipset", "set_name": "class", "set_family": "ipv4", "managed": true,
                   "ttl": 60, "skb_mark": "{mark}", "skb_mask": "0xff00", "skb_prio": "1:a0", "skb_queue": 3}},
            "b": {{"target_type": "ipset", "set_name": "class", "set_family": "ipv4", "skb_mark": "0x2"}},
            "c": {{"target_type": "ipset", "set_name": "plain", "set_family": "ipv4", "skb_mark": "0x2"}}}},
            "actions": {{"a": {{"criteria": "protocol == 'bittorrent';", "targets": ["a", "c"]}},
                        "b": {{"criteria": "category == 'voip';", "targets": ["b"]}}}}}}"#
        )
    };
    let mut rig = Rig::new(&text("0x1100"));
    assert_eq!(rig.told(), ["ipset plain.v4 was made without skbinfo: its elements carry no mark"]);
    rig.tcp(CLIENT, PEER, &handshake());
    rig.udp("192.168.1.50 40000", "203.0.113.77 5060", INVITE);
    let listed = run("ipset list class.v4");
    let of = |listed: &str, addr: &str| {
        let line = listed.lines().find(|line| line.starts_with(addr)).unwrap();
        line.split_once(" skbmark ").unwrap().1.trim().to_owned()
    };
    assert!(listed.contains("skbinfo"), "{listed}");
    assert_eq!(of(&listed, "203.0.113.9 "), "0x1100/0xff00 skbprio 1:a0 skbqueue 3");
    assert_eq!(of(&listed, "203.0.113.77 "), "0x2");
    rig.reload(&text("0x2200"));
    let listed = run("ipset list class.v4");
    assert_eq!(of(&listed, "203.0.113.9 "), "0x2200/0xff00 skbprio 1:a0 skbqueue 3");
    run("ipset flush class.v4");
    rig.restore();
    let listed = run("ipset list class.v4");
    assert_eq!(of(&listed, "203.0.113.9 "), "0x2200/0xff00 skbprio 1:a0 skbqueue 3");
    assert_eq!(ipset_elements("plain.v4"), ["203.0.113.9"]);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}
