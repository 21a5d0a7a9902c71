//! The rules that feed NFLOG groups, against the kernel at hand, with `nft` as judge. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;

use std::thread;
use std::time::{Duration, Instant};

use netlink::{drop_rights, namespace, run};
use nfa::netlink::nftables::Feed;
use nfa::target::{Keeper, Sets};
use nfa::time::Timestamp;

const TABLE: &str = "\
table inet nfa-feed {
\tchain forward {
\t\ttype filter hook forward priority mangle; policy accept;
\t\tct packets < 64 log group 5 snaplen 2048 queue-threshold 1
\t}
}
";

fn feeds(numbers: &[(u16, u32)]) -> Vec<Feed> {
    numbers.iter().map(|&(group, packets)| Feed { group, packets }).collect()
}

/// Serves the keeper's events as the daemon does, until the ruleset is that or time is over.
fn settles(keeper: &mut Keeper, expected: &str) -> (String, Vec<String>) {
    let mut told = Vec::new();
    let start = Instant::now();
    loop {
        let now = Timestamp::from_micros(start.elapsed().as_micros().try_into().unwrap());
        keeper.notice(&Sets::default(), std::iter::empty(), now, |line| told.push(line));
        let ruleset = run("nft list ruleset");
        if ruleset == expected || start.elapsed() > Duration::from_secs(1) {
            return (ruleset, told);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn rules_are_made_put_back_and_removed() {
    let Some(()) = namespace() else { return };
    let mut told = Vec::new();
    let mut keeper = Keeper::open().unwrap();
    keeper.feed(feeds(&[(5, 64)]), |line| told.push(line));
    assert_eq!(run("nft list ruleset"), TABLE);
    assert_eq!(told, ["table inet nfa-feed, which feeds the capture: made"]);
    keeper.feed(feeds(&[(5, 64)]), |line| panic!("{line}: the same again"));

    for harm in [
        "nft flush ruleset",
        "nft delete table inet nfa-feed",
        "nft flush chain inet nfa-feed forward",
    ] {
        run(harm);
        assert_ne!(run("nft list ruleset"), TABLE);
        let (ruleset, told) = settles(&mut keeper, TABLE);
        assert_eq!(ruleset, TABLE, "{harm}");
        assert_eq!(told, ["table inet nfa-feed, which feeds the capture: gone, made anew"]);
    }
    // What happens to others is none of its business.
    run("nft add table inet other");
    run("nft add chain inet other c");
    run("nft add rule inet other c accept");
    run("nft delete table inet other");
    let (ruleset, told) = settles(&mut keeper, "never so");
    assert_eq!((ruleset.as_str(), told.as_slice()), (TABLE, &[][..]));

    // A reload: other rules in one step.
    let rule = "ct packets < 64 log group 5 snaplen 2048 queue-threshold 1";
    let more = "ct packets < 100000 log group 65535 snaplen 2048 queue-threshold 1";
    keeper.feed(feeds(&[(5, 64), (65_535, 100_000)]), drop);
    assert_eq!(run("nft list ruleset"), TABLE.replace(rule, &format!("{rule}\n\t\t{more}")));

    keeper.close(&Sets::default(), &[], |line| panic!("{line}"));
    assert_eq!(run("nft list ruleset"), "");
    let (ruleset, told) = settles(&mut keeper, "never so");
    assert_eq!((ruleset.as_str(), told.as_slice()), ("", &[][..]), "not put back after the end");
}

#[test]
fn what_a_killed_run_left_is_replaced() {
    let Some(()) = namespace() else { return };
    let mut killed = Keeper::open().unwrap();
    killed.feed(feeds(&[(7, 9), (8, 10)]), drop);
    drop(killed);
    let mut keeper = Keeper::open().unwrap();
    keeper.feed(feeds(&[(5, 64)]), drop);
    assert_eq!(run("nft list ruleset"), TABLE);
    keeper.feed(Vec::new(), drop);
    assert_eq!(run("nft list ruleset"), "", "no feed is wanted any more");
}

#[test]
fn what_cannot_be_made_is_told_once() {
    let Some(()) = namespace() else { return };
    let mut keeper = Keeper::open().unwrap();
    drop_rights();
    let mut told = Vec::new();
    keeper.feed(feeds(&[(5, 64)]), |line| told.push(line));
    for second in 1..4 {
        let now = Timestamp::from_micros(second * 1_000_000);
        let nothing = std::iter::empty();
        keeper.restore(&Sets::default(), nothing, now, |line| told.push(line));
    }
    let of_feeds = |line: &&String| line.ends_with("nothing feeds the capture");
    assert_eq!(told.iter().filter(of_feeds).count(), 1, "{told:?}");
}
