//! ipset against the kernel at hand, with the `ipset` command as judge. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)

mod netlink;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use netlink::{drop_rights, namespace, output, run};
use nfa::net::Transport;
use nfa::netlink::ipset::{self, Created, Entry, Family, Kind, Shape, SkbInfo};
use nfa::netlink::{Batch, Client, Operation, Subsystem};

const NO_SKB: SkbInfo = SkbInfo { mark: None, prio: None, queue: None };

fn shape(kind: Kind, family: Family, timeout: Option<u64>) -> Shape {
    Shape {
        kind,
        family,
        timeout: timeout.map(Duration::from_secs),
        maxelem: 65536,
        hashsize: None,
        skbinfo: false,
    }
}

fn addr(family: Family, number: u32) -> IpAddr {
    match family {
        Family::V6 => Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(number)).into(),
        _ => Ipv4Addr::from(0x0a00_0000 | number).into(),
    }
}

fn entry(kind: Kind, family: Family, number: u32) -> Entry {
    let first = addr(family, number);
    let transport = if number.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
    let port = u16::try_from(number % 60_000).unwrap() + 1;
    match kind {
        Kind::Ip => Entry::Ip(first),
        Kind::IpPort => Entry::IpPort(first, transport, port),
        _ => Entry::IpPortIp(first, transport, port, addr(family, number % 7 + 1)),
    }
}

/// The elements as `ipset save` writes them: `ELEMENT timeout N`, sorted.
fn saved(set: &str) -> Vec<String> {
    let prefix = format!("add {set} ");
    let text = run(&format!("ipset save {set}"));
    let mut lines: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect();
    lines.sort();
    lines
}

fn dumped(client: &mut Client, set: &str) -> Vec<String> {
    let mut lines = Vec::new();
    ipset::dump(client, set, |member| {
        let timeout = member.timeout.map_or(String::new(), |t| format!(" timeout {}", t.as_secs()));
        lines.push(format!("{}{timeout}", member.entry));
    })
    .unwrap();
    lines.sort();
    lines
}

/// Without the seconds left, which may pass between two readings.
fn elements(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').next().unwrap()).collect()
}

#[test]
fn every_type_and_family_is_made_filled_read_and_emptied() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let (least, most) = ipset::protocol(&mut client).unwrap();
    assert!(least <= 6 && most >= 6);
    let mut batch = Batch::new();
    for kind in [Kind::Ip, Kind::IpPort, Kind::IpPortIp] {
        for family in [Family::V4, Family::V6] {
            for timeout in [None, Some(600)] {
                let shape = shape(kind, family, timeout);
                let name = "nfa.some-application.v4";
                assert_eq!(ipset::create(&mut client, name, &shape).unwrap(), Created::New);
                assert_eq!(ipset::create(&mut client, name, &shape).unwrap(), Created::Same);
                for number in 1..=300 {
                    let entry = entry(kind, family, number);
                    let own = timeout.map(|_| Duration::from_secs(100));
                    ipset::add(&mut batch, name, &entry, own, &NO_SKB).unwrap();
                }
                assert_eq!(client.commit(&mut batch), []);
                let ours = dumped(&mut client, name);
                let theirs = saved(name);
                assert_eq!(elements(&ours), elements(&theirs), "{shape}");
                assert_eq!(ours.len(), 300);
                assert_eq!(
                    ours[0].contains(" timeout 9") || ours[0].contains(" timeout 100"),
                    timeout.is_some(),
                    "{}",
                    ours[0]
                );
                let header = ipset::header(&mut client, name).unwrap();
                assert_eq!(header.differences(&shape), [""; 0]);
                assert_eq!(header.references, 0);
                assert!(header.memory_bytes > 1000);

                assert!(ipset::test(&mut client, name, &entry(kind, family, 300)).unwrap());
                assert!(!ipset::test(&mut client, name, &entry(kind, family, 301)).unwrap());
                for number in 1..=301 {
                    // 301 is not there: no error.
                    ipset::delete(&mut batch, name, &entry(kind, family, number)).unwrap();
                }
                assert_eq!(client.commit(&mut batch), []);
                assert_eq!(saved(name), [""; 0]);
                ipset::destroy(&mut client, name).unwrap();
            }
        }
    }
    assert_eq!(ipset::list(&mut client).unwrap(), [""; 0]);
}

#[test]
fn sets_are_renamed_swapped_flushed_and_listed() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let ip = shape(Kind::Ip, Family::V4, Some(60));
    for name in ["a", "b"] {
        ipset::create(&mut client, name, &ip).unwrap();
    }
    run("ipset add a 10.0.0.1");
    ipset::swap(&mut client, "a", "b").unwrap();
    assert_eq!((saved("a").len(), saved("b").len()), (0, 1));
    ipset::flush(&mut client, "b").unwrap();
    assert_eq!(saved("b").len(), 0);
    ipset::rename(&mut client, "b", "c").unwrap();
    let mut names = ipset::list(&mut client).unwrap();
    names.sort();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(ipset::headers(&mut client).unwrap().len(), 2);
    let error = ipset::rename(&mut client, "c", "a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "ipset rename c a: IPSET_ERR_EXIST_SETNAME2: a set of the new name exists already"
    );
    let error = ipset::header(&mut client, "b").unwrap_err();
    assert_eq!(error.to_string(), "ipset read b: ENOENT: no set has that name");
    assert!(error.is_missing() && !error.is_unsupported());
    let error = ipset::dump(&mut client, "b", |_| ()).unwrap_err();
    assert!(error.is_missing());

    let other = Shape { maxelem: 10, ..ip.clone() };
    let Created::Other(found) = ipset::create(&mut client, "a", &other).unwrap() else {
        panic!("another shape was expected")
    };
    assert_eq!(found.differences(&other), ["maxelem 65536, expected 10"]);
    // A set with a rule on it stays.
    run("iptables -A INPUT -m set --match-set a src");
    let error = ipset::destroy(&mut client, "a").unwrap_err();
    assert!(error.to_string().starts_with("ipset destroy a: IPSET_ERR_BUSY"), "{error}");
    assert_eq!(ipset::header(&mut client, "a").unwrap().references, 1);
}

#[test]
fn skbinfo_arrives() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let with = Shape { skbinfo: true, ..shape(Kind::IpPortIp, Family::V4, Some(60)) };
    ipset::create(&mut client, "a", &with).unwrap();
    let mut batch = Batch::new();
    let skb = SkbInfo { mark: Some((0x10, 0xff)), prio: Some((1, 0x20)), queue: Some(3) };
    ipset::add(&mut batch, "a", &entry(Kind::IpPortIp, Family::V4, 2), None, &skb).unwrap();
    assert_eq!(client.commit(&mut batch), []);
    let text = saved("a");
    assert!(text[0].ends_with(" skbmark 0x10/0xff skbprio 1:20 skbqueue 3"), "{text:?}");
    let mut read = None;
    ipset::dump(&mut client, "a", |member| read = Some(member.skb)).unwrap();
    assert_eq!(read, Some(skb));

    ipset::create(&mut client, "b", &shape(Kind::Ip, Family::V4, None)).unwrap();
    ipset::add(&mut batch, "b", &Entry::Ip(addr(Family::V4, 1)), None, &skb).unwrap();
    ipset::add(&mut batch, "b", &Entry::Ip(addr(Family::V4, 1)), Some(Duration::ZERO), &NO_SKB)
        .unwrap();
    let failures = client.commit(&mut batch);
    assert_eq!(
        failures.iter().map(|failure| failure.error.to_string()).collect::<Vec<_>>(),
        [
            "ipset add b 10.0.0.1: IPSET_ERR_SKBINFO: the set was made without skbinfo",
            "ipset add b 10.0.0.1: IPSET_ERR_TIMEOUT: the set was made without timeouts",
        ]
    );
}

#[test]
fn a_failing_message_is_told_and_stops_no_other() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let small = Shape { maxelem: 3, ..shape(Kind::IpPort, Family::V4, Some(60)) };
    ipset::create(&mut client, "small", &small).unwrap();
    ipset::create(&mut client, "a", &shape(Kind::Ip, Family::V4, Some(60))).unwrap();
    let mut batch = Batch::new();
    let mut push = |tag, set: &str, entry: Entry| {
        batch.set_tag(tag);
        ipset::add(&mut batch, set, &entry, None, &NO_SKB).unwrap();
    };
    push(1, "a", entry(Kind::Ip, Family::V4, 1));
    push(2, "nosuch", entry(Kind::Ip, Family::V4, 1));
    push(3, "a", entry(Kind::Ip, Family::V6, 1));
    for number in 1..=4 {
        push(10 + number, "small", entry(Kind::IpPort, Family::V4, number));
    }
    push(20, "small", entry(Kind::Ip, Family::V4, 1)); // the port is missing
    push(21, "a", entry(Kind::Ip, Family::V4, 2));
    push(22, "nosuch", entry(Kind::Ip, Family::V4, 2)); // the last, which is answered in any case
    let told: Vec<(u32, String)> = client
        .commit(&mut batch)
        .into_iter()
        .map(|failure| (failure.tag, failure.error.to_string()))
        .collect();
    let misfit = "the element does not fit the set (family, or a part missing)";
    assert_eq!(
        told,
        [
            (2, "ipset add nosuch 10.0.0.1: ENOENT: no set has that name".to_owned()),
            (3, format!("ipset add a 2001:db8::1: IPSET_ERR_PROTOCOL: {misfit}")),
            (
                14,
                "ipset add small 10.0.0.4,tcp:5: IPSET_ERR_HASH_FULL: the set is full (maxelem)"
                    .into()
            ),
            (20, format!("ipset add small 10.0.0.1: IPSET_ERR_PROTOCOL: {misfit}")),
            (22, "ipset add nosuch 10.0.0.2: ENOENT: no set has that name".to_owned()),
        ]
    );
    assert!(batch.is_empty());
    assert_eq!((saved("a").len(), saved("small").len()), (2, 3));
    // A thousand failures: one answer each, none lost.
    for number in 0..1000 {
        batch.set_tag(number);
        ipset::add(&mut batch, "nosuch", &entry(Kind::Ip, Family::V4, 9), None, &NO_SKB).unwrap();
    }
    let tags: Vec<u32> = client.commit(&mut batch).iter().map(|failure| failure.tag).collect();
    assert_eq!(tags, (0..1000).collect::<Vec<_>>());
}

#[test]
fn adding_again_restarts_the_time_out() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    ipset::create(&mut client, "a", &shape(Kind::Ip, Family::V4, Some(600))).unwrap();
    let mut batch = Batch::new();
    let one = entry(Kind::Ip, Family::V4, 1);
    let other = entry(Kind::Ip, Family::V4, 2);
    for entry in [&one, &other] {
        ipset::add(&mut batch, "a", entry, None, &NO_SKB).unwrap();
    }
    assert_eq!(client.commit(&mut batch), []);
    thread::sleep(Duration::from_millis(2100));
    ipset::add(&mut batch, "a", &one, Some(Duration::from_secs(600)), &NO_SKB).unwrap();
    assert_eq!(client.commit(&mut batch), []);
    let mut left = Vec::new();
    ipset::dump(&mut client, "a", |member| {
        left.push((member.entry, member.timeout.unwrap().as_secs()));
    })
    .unwrap();
    left.sort();
    assert!(left[0].1 >= 599, "refreshed: {left:?}");
    assert!(left[1].1 <= 598, "not refreshed: {left:?}");
}

#[test]
fn ten_thousand_changes_take_a_handful_of_calls() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    ipset::create(&mut client, "a", &shape(Kind::IpPortIp, Family::V4, Some(600))).unwrap();
    let mut batch = Batch::new();
    for (count, most) in [(1_000_u32, 10), (10_000, 100)] {
        let start = Instant::now();
        for number in 1..=count {
            let entry = entry(Kind::IpPortIp, Family::V4, number);
            let timeout = Some(Duration::from_secs(600));
            ipset::add(&mut batch, "a", &entry, timeout, &NO_SKB).unwrap();
        }
        let before = client.calls();
        assert_eq!(client.commit(&mut batch), []);
        let (calls, took) = (client.calls() - before, start.elapsed());
        println!("{count} adds: {calls} system calls, {took:?}");
        assert!(calls <= most, "{calls} system calls for {count} adds");
        let mut seen = 0;
        ipset::dump(&mut client, "a", |_| seen += 1).unwrap();
        assert_eq!(seen, count);
    }
}

#[test]
fn what_the_kernel_lacks_is_unsupported() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mac = shape(Kind::Mac, Family::None, Some(60));
    let oracle = output("ipset create probe hash:mac");
    match ipset::create(&mut client, "nfa.a.mac", &mac) {
        Ok(created) => {
            assert_eq!(created, Created::New);
            assert!(oracle.status.success());
        }
        Err(error) => {
            assert!(!oracle.status.success());
            assert!(error.is_unsupported());
            assert_eq!(
                error.to_string(),
                "ipset negotiate type hash:mac family unspec: IPSET_ERR_FIND_TYPE: the kernel has no such set type"
            );
        }
    }
    // A family that the type does not have is told before the kernel is asked.
    let error = ipset::create(&mut client, "x", &Shape { family: Family::V4, ..mac }).unwrap_err();
    assert!(error.to_string().contains("hash:mac has no family"), "{error}");
}

#[test]
fn without_the_right_every_change_is_told() {
    let Some(()) = namespace() else { return };
    run("ipset create a hash:ip");
    drop_rights();
    let mut client = Client::open().unwrap();
    let error = ipset::header(&mut client, "a").unwrap_err();
    assert!(error.is_permission());
    assert_eq!(error.operation, Operation::Read);
    assert_eq!(error.to_string(), "ipset read a: EPERM: not permitted, CAP_NET_ADMIN is needed");
    let mut batch = Batch::new();
    for number in 0..3 {
        batch.set_tag(number);
        ipset::add(&mut batch, "a", &entry(Kind::Ip, Family::V4, 1 + number), None, &NO_SKB)
            .unwrap();
    }
    let failures = client.commit(&mut batch);
    assert_eq!(failures.iter().map(|failure| failure.tag).collect::<Vec<_>>(), [0, 1, 2]);
    for failure in &failures {
        assert!(failure.error.is_permission());
        assert_eq!(failure.error.subsystem, Subsystem::Ipset);
    }
}
