//! Sets that are filled because of their names, without a target that names them: what the names
//! mean, and the kernel's sets of both kinds. The latter needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;
mod rig;

use netlink::{namespace, output, run};
use nfa::config::Config;
use nfa::target::{Adoptable, Dimension, Family, Home, SetSpec};
use rig::{INVITE, Rig, catalogue, handshake, ipset_elements, nft, nft_elements, parse};

const CLIENT: &str = "192.168.1.10 5000";
const PEER: &str = "203.0.113.9 6881";

/// Nothing but what names ask for.
const BARE: &str = r#"{"target_globals": {"adopt": true}}"#;

fn asks(subject: &str, name: &str) -> Adoptable {
    let spec = SetSpec {
        home: Home::Ipset,
        name: name.to_owned(),
        family: Family::V4,
        shape: vec![Dimension::OtherAddr],
        max_elements: 10,
        timeout: None,
        skbinfo: false,
        managed: false,
        flush_on_create: false,
        flush_on_destroy: false,
    };
    Adoptable { subject: subject.to_owned(), spec }
}

/// The actions with targets, each with its criteria and number of targets.
fn active(config: &Config) -> Vec<(String, String, usize)> {
    let actions = config.policy.actions.iter().filter(|action| !action.targets.is_empty());
    actions
        .map(|action| {
            let text = action.criteria.texts().collect::<Vec<_>>().join(" ");
            (action.name.clone(), text, action.targets.len())
        })
        .collect()
}

#[test]
fn a_name_is_an_action_an_application_a_protocol_or_a_category() {
    let text = r#"{"target_globals": {"adopt": true}, "actions": {
        "YouTube/Kids": {"criteria": "*"}, "zoom": {"criteria": "app == 'zoom';"},
        "voip": {"enabled": false, "criteria": "*"}}}"#;
    for (subject, expected) in [
        // An action, whatever else is called so.
        ("youtube-kids", Some(("YouTube/Kids", "*"))),
        ("zoom", Some(("zoom", "app == 'zoom';"))),
        ("voip", Some(("voip", "*"))),
        // An application, with or without who named it.
        ("youtube", Some(("youtube", "application == 'netify.youtube';"))),
        ("netify.youtube", Some(("netify.youtube", "application == 'netify.youtube';"))),
        // A protocol.
        ("bittorrent", Some(("bittorrent", "protocol == 'BitTorrent';"))),
        // Both.
        ("ssh", Some(("ssh", "application == 'netify.ssh' || protocol == 'SSH';"))),
        ("http-s", Some(("http-s", "protocol == 'HTTP/S';"))),
        // A category of applications, one of protocols.
        ("social-media", Some(("social-media", "category == 'social-media';"))),
        ("database", Some(("database", "category == 'database';"))),
        // Nothing.
        ("YouTube", None),
        ("http/s", None),
        ("*", None),
        ("x' || 'a' == 'a", None),
    ] {
        let mut config = parse(text);
        config.adopt(vec![asks(subject, "nfa.x.v4")], &catalogue());
        let found = active(&config);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.to_owned(), 1))
            .collect();
        assert_eq!(found, expected, "{subject}");
        assert_eq!(config.adopted.refused().len(), usize::from(found.is_empty()), "{subject}");
        config.adopt(Vec::new(), &catalogue());
        assert_eq!((active(&config), config.policy.actions.len()), (Vec::new(), 3), "{subject}");
        assert_eq!((config.targets.len(), config.sets.len()), (0, 0));
    }
}

#[test]
fn sets_of_one_name_share_an_action_and_sets_of_targets_are_theirs() {
    let mut config = parse(
        r#"{"targets": {"t": {"target_type": "ipset", "set_name": "nfa.quic", "type": "hash:ip,port"}},
            "actions": {"a": {"criteria": "*", "targets": ["t"]}}}"#,
    );
    let set = |subject: &str| asks(subject, &format!("nfa.{subject}.v4"));
    let again = asks("youtube", "nfa.youtube.client.v4");
    let found = vec![set("youtube"), again, set("quic"), set("dns"), set("dns"), set("yutube")];
    config.adopt(found.clone(), &catalogue());
    let expected = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    let brief = |config: &Config| -> Vec<String> {
        active(config).iter().map(|(name, _, targets)| format!("{name} {targets}")).collect()
    };
    assert_eq!(brief(&config), expected("youtube 2|dns 1|a 1"), "its own comes last");
    assert_eq!((config.targets.len(), config.sets.len()), (4, 5));
    assert!(config.adopted.are(&found) && !config.adopted.are(&found[1..]));
    let refused = "ipset nfa.yutube.v4 is not filled: no action, application, protocol or category \
                   is called \"yutube\"; did you mean \"nfa.youtube.v4\"?";
    assert_eq!(config.adopted.refused(), [refused]);
    config.adopt(vec![set("a"), set("dns")], &catalogue());
    assert_eq!(brief(&config), expected("dns 1|a 2"));
    config.adopt(Vec::new(), &catalogue());
    assert_eq!(brief(&config), expected("a 1"));
}

/// The sets of every key type, the elements they get by one flow of each family and an exempt one.
#[test]
fn sets_of_every_type_are_filled_because_of_their_names() {
    let Some(()) = namespace() else { return };
    let ipsets = [
        ("nfa.bittorrent.v4", "hash:ip timeout 300", "203.0.113.9"),
        ("nfa.bittorrent.v6", "hash:net family inet6", "2001:db8:1::2"),
        ("nfa.bittorrent.port.v4", "hash:ip,port", "203.0.113.9,tcp:6881"),
        ("nfa.bittorrent.port.v6", "hash:net,port family inet6", "2001:db8:1::2,tcp:6881"),
        ("nfa.bittorrent.client.v4", "hash:net", "192.168.1.10"),
        (
            "nfa.bittorrent.client.v6",
            "hash:ip,port,ip family inet6",
            "2001:db8::1,tcp:6881,2001:db8:1::2",
        ),
        ("nfa.sip.v4", "hash:ip,port,net", "203.0.113.77,udp:5060,192.168.1.50"),
        ("nfa.sip.client.v4", "hash:mac", "02:00:00:00:00:01"),
        ("nfa.voip.v4", "hash:net,port,net", "203.0.113.77,udp:5060,192.168.1.50"),
    ]; // hash:net of a whole address is told without its length
    let ipsets = ipsets.into_iter().filter(|(name, kind, _)| {
        let made = output(&format!("ipset create {name} {kind}"));
        let errors = String::from_utf8(made.stderr).unwrap();
        assert!(made.status.success() || errors.contains("type not supported"), "{errors}");
        if !made.status.success() {
            println!("left out, not in this kernel: {kind}");
        }
        made.status.success()
    });
    let ipsets: Vec<_> = ipsets.collect();
    assert!(ipsets.len() >= 5, "{ipsets:?}");
    let nft_sets = [
        ("inet", "fw4", "nfa.bittorrent.v4", "type ipv4_addr; timeout 5m;", "203.0.113.9"),
        ("ip6", "mine", "nfa.bittorrent.v6", "type ipv6_addr;", "2001:db8:1::2"),
        (
            "ip",
            "mine",
            "nfa.bittorrent.client.v4",
            "type ipv4_addr . inet_service . ipv4_addr;",
            "192.168.1.10 . 6881 . 203.0.113.9",
        ),
        (
            "bridge",
            "mine",
            "nfa.bittorrent.port.v4",
            "type inet_proto . inet_service . ipv4_addr;",
            "tcp . 6881 . 203.0.113.9",
        ),
        (
            "netdev",
            "mine",
            "nfa.sip.client.v4",
            "type ether_addr; flags timeout;",
            "02:00:00:00:00:01",
        ),
        (
            "inet",
            "fw4",
            "nfa.sip.v4",
            "type ipv4_addr . mark . ifname; flags dynamic, timeout;",
            "203.0.113.77 . 0x00000000 . \"br-lan\"",
        ),
        ("inet", "fw4", "nfa.voip.client.v4", "typeof ip saddr . th dport;", "192.168.1.50 . 5060"),
    ];
    for (family, table, name, what, _) in nft_sets {
        nft(&format!("add table {family} {table}"));
        nft(&format!("add set {family} {table} {name} {{ {what} }}"));
    }
    let exempt = r#"{"target_globals": {"adopt": true}, "exemptions": ["203.0.113.66"]}"#;
    let mut rig = Rig::new(exempt);
    let traffic = |rig: &mut Rig| {
        rig.tcp(CLIENT, PEER, &handshake());
        rig.tcp(CLIENT, "203.0.113.66 6881", &handshake());
        rig.tcp("2001:db8::1 5000", "2001:db8:1::2 6881", &handshake());
        rig.udp("192.168.1.50 40000", "203.0.113.77 5060", INVITE);
    };
    traffic(&mut rig);
    let check = |rig: &mut Rig, what: &str| {
        for (name, _, element) in &ipsets {
            assert_eq!(ipset_elements(name), [*element], "{name} {what}");
        }
        for (family, table, name, _, element) in nft_sets {
            let found = nft_elements(&format!("{family} {table} {name}"));
            assert_eq!(found, [element], "{family} {table} {name} {what}");
        }
        assert_eq!((rig.keeper.failures(), rig.refused.clone()), (0, Vec::new()), "{what}");
    };
    check(&mut rig, "at first");
    let listed = run("ipset list nfa.bittorrent.v4");
    assert!(listed.contains("timeout 300\n") || listed.contains("timeout 299\n"), "{listed}");
    assert!(nft("list set inet fw4 nfa.bittorrent.v4").contains("expires 4m59s"));
    assert_eq!(rig.told(), [""; 0]);
    // Others take out and destroy: all is back.
    for (name, kind, _) in &ipsets {
        run(&format!("ipset destroy {name}"));
        run(&format!("ipset create {name} {kind}"));
    }
    rig.restore();
    check(&mut rig, "after ipset destroy and create");
    run("ipset flush");
    rig.restore();
    check(&mut rig, "after ipset flush");
    let make = |sets: &mut dyn FnMut(String)| {
        for (family, table, name, what, _) in nft_sets {
            sets(format!("add table {family} {table}"));
            sets(format!("add set {family} {table} {name} {{ {what} }}"));
        }
    };
    let mut whole = vec!["flush ruleset".to_owned()];
    make(&mut |line| whole.push(line));
    nft(&whole.join("; "));
    rig.notice();
    check(&mut rig, "after a transaction that makes the whole ruleset anew");
    assert_eq!(rig.told(), [""; 0]);
    // With a gap: forgotten in between, and no change is sent to what is not there.
    nft("flush ruleset");
    run("ipset destroy");
    rig.notice();
    rig.restore();
    assert!(rig.engine.elements().is_empty() && rig.engine.live_sets().is_empty());
    rig.told();
    make(&mut |line| drop(nft(&line)));
    for (name, kind, _) in &ipsets {
        run(&format!("ipset create {name} {kind}"));
    }
    rig.notice();
    rig.restore();
    check(&mut rig, "after a gap");
    assert_eq!(rig.told(), [""; 0]);
    // The flow's end takes its elements out.
    rig.flags(CLIENT, PEER, nfa::wire::TcpFlags::RST);
    rig.wait(8);
    for name in ["nfa.bittorrent.v4", "nfa.bittorrent.port.v4", "nfa.bittorrent.client.v4"] {
        assert_eq!(ipset_elements(name), [""; 0], "{name}");
    }
    assert_eq!(nft_elements("inet fw4 nfa.bittorrent.v4"), [""; 0]);
    assert_eq!(ipset_elements("nfa.bittorrent.v6"), ["2001:db8:1::2"]);
    rig.close();
    assert_eq!(ipset_elements("nfa.bittorrent.v6"), ["2001:db8:1::2"], "not ours to flush");
}

#[test]
fn names_that_mean_nothing_are_told_and_key_types_may_change() {
    let Some(()) = namespace() else { return };
    run("ipset create nfa.bitorrent.v4 hash:ip");
    run("ipset create nfa.dns.v4 list:set");
    run("ipset create nfa.dns.v6 hash:ip");
    run("ipset create nfa.quic.v4 hash:ip netmask 24");
    nft("add table inet t; add set inet t nfa.sip.v4 { type ipv4_addr; flags interval; }");
    nft("add map inet t nfa.sip.v6 { type ipv6_addr : verdict; }");
    let mut rig = Rig::new(BARE);
    rig.refused.sort();
    let no_key = "it is a map, constant, of ranges, or has a key that nfa does not know";
    assert_eq!(
        rig.refused,
        [
            "ipset nfa.bitorrent.v4 is not filled: no action, application, protocol or category is \
             called \"bitorrent\"; did you mean \"nfa.bittorrent.v4\"?"
                .to_owned(),
            "ipset nfa.dns.v4 is not filled: its type is list:set".to_owned(),
            "ipset nfa.dns.v6 is not filled: its family is inet, its name says inet6".to_owned(),
            "ipset nfa.quic.v4 is not filled: it cuts addresses down to networks".to_owned(),
            format!("nft set inet t nfa.sip.v4 is not filled: {no_key}"),
            format!("nft set inet t nfa.sip.v6 is not filled: {no_key}"),
        ]
    );
    run("ipset destroy nfa.bitorrent.v4");
    run("ipset create nfa.bittorrent.v4 hash:ip");
    rig.restore();
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(ipset_elements("nfa.bittorrent.v4"), ["203.0.113.9"]);
    for (kind, element) in [
        ("hash:ip,port", "203.0.113.9,tcp:6881"),
        ("hash:ip,port,ip timeout 60", "203.0.113.9,tcp:6881,192.168.1.10"),
        ("hash:net timeout 60", "203.0.113.9"),
    ] {
        run("ipset destroy nfa.bittorrent.v4");
        run(&format!("ipset create nfa.bittorrent.v4 {kind}"));
        rig.restore();
        assert_eq!(ipset_elements("nfa.bittorrent.v4"), [element], "{kind}");
    }
    assert_eq!(rig.keeper.failures(), 0, "{:?}", rig.told);
}

#[test]
fn a_reload_gives_sets_to_their_targets_and_takes_them_back() {
    let Some(()) = namespace() else { return };
    run("ipset create nfa.bittorrent.v4 hash:ip");
    run("ipset create nfa.mine.v4 hash:ip");
    nft("add table inet t; add set inet t nfa.bittorrent.v4 { type ipv4_addr; }");
    let elements =
        || (ipset_elements("nfa.bittorrent.v4"), nft_elements("inet t nfa.bittorrent.v4"));
    let filled = || {
        let one = vec!["203.0.113.9".to_owned()];
        (one.clone(), one)
    };
    let empty = || (Vec::<String>::new(), Vec::<String>::new());
    let mut rig = Rig::new("{}");
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(elements(), empty(), "off where nothing says otherwise");
    rig.reload(BARE);
    assert_eq!(elements(), filled());
    assert_eq!(rig.told(), [""; 0]);
    rig.restore();
    let calls = rig.keeper.calls();
    rig.reload(BARE);
    assert!(rig.keeper.calls() - calls < 30, "{}", rig.keeper.calls() - calls);
    assert_eq!((elements(), rig.told()), (filled(), Vec::new()));
    // A target names one of them, the action the other's flows.
    let named = r#"{"target_globals": {"adopt": true},
        "targets": {"t": {"target_type": "ipset", "set_name": "nfa.bittorrent", "set_family": "ipv4"}},
        "actions": {"none": {"criteria": "protocol == 'ntp';", "targets": ["t"]},
                    "Mine": {"criteria": "protocol == 'bittorrent';"}}}"#;
    rig.reload(named);
    assert_eq!(ipset_elements("nfa.bittorrent.v4"), [""; 0], "its target's alone");
    assert_eq!(ipset_elements("nfa.mine.v4"), ["203.0.113.9"]);
    assert_eq!(nft_elements("inet t nfa.bittorrent.v4"), ["203.0.113.9"]);
    rig.reload(BARE);
    assert_eq!((elements(), ipset_elements("nfa.mine.v4")), (filled(), Vec::new()));
    // One that nfa made goes with its target, and is not adopted.
    let managed = named.replace("\"set_family\"", "\"managed\": true, \"set_family\"");
    rig.reload(&managed.replace("nfa.bittorrent", "nfa.tls"));
    run("ipset list -n nfa.tls.v4");
    rig.reload(BARE);
    rig.restore();
    assert!(!run("ipset list -n").contains("nfa.tls.v4"));
    rig.reload("{}");
    assert_eq!(elements(), empty());
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}
