//! What a run that was ended by force leaves in kernel sets, and what becomes of it. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;
mod rig;

use std::time::Duration;

use netlink::{namespace, run};
use rig::{Rig, handshake, ipset_elements, nft_elements};

const CLIENT: &str = "192.168.1.10 5000";
const PEER: &str = "203.0.113.9 6881";
const PEER_IN_SET: &str = "192.168.1.10 . tcp . 6881 . 203.0.113.9";

/// A run that was ended by force leaves elements; those without a clock are taken out by the next
/// one, unless a flow claims them.
#[test]
fn what_an_earlier_run_left_goes_unless_it_is_claimed() {
    let Some(()) = namespace() else { return };
    let configuration = |more: &str| {
        format!(
            r#"{{"targets": {{
              "i": {{"target_type": "ipset", "set_name": "i", "set_family": "ipv4",
                     "type": "hash:ip,port", "managed": true{more}}},
              "n": {{"target_type": "nftset", "set_name": "n", "set_family": "ipv4", "managed": true{more},
                     "type": ["local_addr", "ip_proto", "other_port", "other_addr"]}},
              "users": {{"target_type": "ipset", "set_name": "u", "set_family": "ipv4"}}}},
            "actions": {{"a": {{"criteria": "protocol == 'bittorrent';",
                               "targets": ["i", "n", "users"]}}}}}}"#
        )
    };
    let held = || (ipset_elements("i.v4"), nft_elements("inet nfa n.v4"), ipset_elements("u.v4"));
    let claimed = || {
        (
            vec!["203.0.113.9,tcp:6881".to_owned()],
            vec![PEER_IN_SET.to_owned()],
            vec!["192.0.2.1".to_owned(), "203.0.113.9".to_owned()],
        )
    };
    run("ipset create u.v4 hash:ip");
    run("ipset add u.v4 192.0.2.1");
    let mut rig = Rig::new(&configuration(""));
    rig.tcp(CLIENT, PEER, &handshake());
    rig.tcp("192.168.1.10 5001", "203.0.113.8 6881", &handshake());
    let all = held();
    assert_eq!((all.0.len(), all.1.len(), all.2.len()), (2, 2, 3));
    drop(rig); // SIGKILL: nothing is tidied up

    let mut rig = Rig::new(&configuration(""));
    rig.tcp(CLIENT, PEER, &handshake());
    rig.restore();
    rig.now = rig.now.after(Duration::from_secs(290));
    rig.restore();
    assert_eq!(held(), all, "the others have five minutes");
    rig.tcp(CLIENT, PEER, b"x");
    rig.now = rig.now.after(Duration::from_secs(10));
    rig.restore();
    let mut expected = claimed();
    expected.2.insert(1, "203.0.113.8".to_owned()); // a set of the user's own is left alone
    assert_eq!(held(), expected);
    let said: Vec<String> = ["ipset i.v4", "nft set inet nfa n.v4"]
        .map(|set| format!("{set}: taken out what an earlier run left and no flow wants: 1"))
        .into();
    assert_eq!((rig.keeper.failures(), rig.told()), (0, said));
    // Once is all: what others add later is theirs.
    run("ipset add i.v4 192.0.2.7,tcp:1");
    rig.now = rig.now.after(Duration::from_secs(600));
    rig.restore();
    assert_eq!(ipset_elements("i.v4").len(), 2);
    drop(rig);

    // With timeouts the kernel does it.
    run("ipset destroy i.v4");
    let mut rig = Rig::new(&configuration(r#", "ttl": 900"#));
    rig.tcp(CLIENT, PEER, &handshake());
    drop(rig);
    let mut rig = Rig::new(&configuration(r#", "ttl": 900"#));
    rig.restore();
    rig.now = rig.now.after(Duration::from_secs(301));
    rig.restore();
    assert_eq!(ipset_elements("i.v4").len(), 1);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

/// Seconds left of the only element of an ipset that begins so.
fn left(set: &str, element: &str) -> u32 {
    let list = run(&format!("ipset list {set}"));
    let line = list.lines().find(|line| line.starts_with(element));
    let words = line.unwrap_or_else(|| panic!("no {element}: {list}")).split_whitespace();
    words.last().unwrap().parse().unwrap()
}

/// With timeouts the kernel takes them out, unless a flow that goes on shows itself: in its middle
/// nobody can tell what it is.
#[test]
fn what_has_a_clock_is_kept_while_its_flow_goes_on() {
    let Some(()) = namespace() else { return };
    let configuration = r#"{"targets": {
          "i": {"target_type": "ipset", "set_name": "i", "set_family": "ipv4",
                 "type": "hash:ip,port", "managed": true, "ttl": 100},
          "n": {"target_type": "nftset", "set_name": "n", "set_family": "ipv4", "managed": true,
                 "type": ["other_addr", "other_port"], "ttl": 100}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["i", "n"]}}}"#;
    let peers = ["203.0.113.7", "203.0.113.8", "203.0.113.9"];
    let mut rig = Rig::new(configuration);
    for (port, peer) in (5000..).zip(peers) {
        rig.tcp(&format!("192.168.1.10 {port}"), &format!("{peer} 6881"), &handshake());
    }
    assert_eq!(ipset_elements("i.v4").len(), 3);
    drop(rig); // SIGKILL: nothing is tidied up
    for peer in peers {
        run(&format!("ipset add -exist i.v4 {peer},tcp:6881 timeout 20"));
    }

    let mut rig = Rig::new(configuration);
    rig.keep_inherited();
    let said: Vec<String> = ["ipset i.v4", "nft set inet nfa n.v4"]
        .map(|set| format!("{set}: 3 elements of an earlier run, kept while flows go on"))
        .into();
    assert_eq!(rig.told(), said);
    rig.wait(1);
    // One goes on in its middle, one is silent, of one there is a new connection that is another.
    rig.tcp("192.168.1.10 5000", "203.0.113.7 6881", b"\xfe\x81 in the middle of something");
    rig.flags("192.168.1.10 5009", "203.0.113.9 6881", nfa::wire::TcpFlags::SYN);
    rig.tcp("192.168.1.10 5009", "203.0.113.9 6881", b"\xfe\x81 a beginning of something else");
    rig.wait(5);
    rig.keep_inherited();
    assert!(left("i.v4", "203.0.113.7") > 90, "wound again");
    assert!(left("i.v4", "203.0.113.8") <= 20 && left("i.v4", "203.0.113.9") <= 20);
    // Nothing was heard since: nothing is wound again.
    run("ipset add -exist i.v4 203.0.113.7,tcp:6881 timeout 30");
    rig.wait(5);
    rig.keep_inherited();
    assert!(left("i.v4", "203.0.113.7") <= 30);
    assert_eq!(nft_elements("inet nfa n.v4").len(), 3);
    // When the last clock has run out there is nothing to look for any more.
    rig.wait(110);
    rig.keep_inherited();
    rig.wait(10);
    assert!(!rig.keeper.has_inherited(rig.now));
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

/// What others take out of it comes back with what was left on its clock, and with its mark, until
/// that runs out or a flow of this run has it.
#[test]
fn what_has_a_clock_is_put_back() {
    let Some(()) = namespace() else { return };
    let configuration = r#"{"targets": {
          "i": {"target_type": "ipset", "set_name": "i", "set_family": "ipv4",
                 "type": "hash:ip,port", "managed": true, "ttl": 100, "skb_mark": "0x7"},
          "n": {"target_type": "nftset", "set_name": "n", "set_family": "ipv4", "managed": true,
                 "type": ["other_addr", "other_port"], "ttl": 100}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["i", "n"]}}}"#;
    let (goes_on, silent) = ("203.0.113.7", "203.0.113.8");
    let (from, to) = ("192.168.1.10 5000", "203.0.113.7 6881");
    let sizes = || (ipset_elements("i.v4").len(), nft_elements("inet nfa n.v4").len());
    let mut rig = Rig::new(configuration);
    rig.tcp(from, to, &handshake());
    rig.tcp("192.168.1.10 5001", &format!("{silent} 6881"), &handshake());
    drop(rig); // SIGKILL: nothing is tidied up
    for peer in [goes_on, silent] {
        run(&format!("ipset add -exist i.v4 {peer},tcp:6881 timeout 20 skbmark 0x7"));
    }

    let mut rig = Rig::new(configuration);
    rig.keep_inherited();
    rig.told();
    let flush = |rig: &mut Rig| {
        run("ipset flush i.v4");
        run("nft flush set inet nfa n.v4");
        assert_eq!(sizes(), (0, 0));
        rig.restore();
        rig.notice();
        sizes()
    };
    rig.wait(5);
    assert_eq!(flush(&mut rig), (2, 2));
    let line = |peer: &str| {
        let list = run("ipset list i.v4");
        list.lines().find(|line| line.starts_with(peer)).map(str::to_owned).unwrap()
    };
    let seconds = |line: &str| line.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap();
    let put_back = line(silent);
    assert!(
        put_back.contains("skbmark 0x7") && (12..=15).contains(&seconds(&put_back)),
        "{put_back}"
    );
    // Renewed because its flow goes on, it keeps its mark.
    rig.tcp(from, to, b"\xfe\x81 in the middle of something");
    rig.wait(1);
    rig.keep_inherited();
    let renewed = line(goes_on);
    assert!(renewed.contains("skbmark 0x7") && seconds(&renewed) > 90, "{renewed}");
    // A flow of this run has it: it counts once, so nothing is missed and nothing put back.
    rig.tcp("192.168.1.10 5002", &format!("{silent} 6881"), &handshake());
    run(&format!("ipset add -exist i.v4 {goes_on},tcp:6881 timeout 50 skbmark 0x7"));
    rig.restore();
    assert!(seconds(&line(goes_on)) <= 50);
    assert_eq!(flush(&mut rig), (2, 2));
    assert!(seconds(&line(silent)) > 90, "its own now");
    // By then the clocks of the earlier run have run out; the flow of this one is open.
    rig.wait(101);
    rig.keep_inherited();
    assert_eq!(flush(&mut rig), (1, 1));
    assert_eq!(ipset_elements("i.v4"), [format!("{silent},tcp:6881")]);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}
