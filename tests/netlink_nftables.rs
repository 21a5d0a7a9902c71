//! nf_tables sets against the kernel at hand, with the `nft` command as judge. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)

mod netlink;

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use netlink::{drop_rights, namespace};
use nfa::net::{Mac, Transport};
use nfa::netlink::nftables::{
    self, Element, Event, Field, Interface, Key, SetName, SetShape, Table, TableFamily, Value,
};
use nfa::netlink::{Batch, Cause, Client};

/// `nft` with one command, which may have any characters.
fn nft(command: &str) -> String {
    let output = Command::new("nft").arg(command).output().expect("nft");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn table() -> Table {
    Table { family: TableFamily::Inet, name: "nfa".to_owned() }
}

fn named(name: &str) -> SetName {
    SetName { table: table(), name: name.to_owned() }
}

fn addr(number: u32) -> Value {
    Value::Addr(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | number)))
}

fn classic(number: u32) -> Key {
    let port = Value::Port(u16::try_from(number % 60_000).unwrap());
    Key::new(&[addr(number), Value::Transport(Transport::Tcp), port, addr(number % 7 + 1)]).unwrap()
}

fn classic_shape() -> SetShape {
    SetShape {
        fields: vec![Field::Ipv4Addr, Field::InetProto, Field::InetService, Field::Ipv4Addr],
        timeout: Some(Duration::from_secs(900)),
        size: Some(65536),
    }
}

fn address_shape() -> SetShape {
    SetShape { fields: vec![Field::Ipv4Addr], ..classic_shape() }
}

fn apply(client: &mut Client, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    let failures = client.commit(&mut batch);
    assert_eq!(failures, []);
    assert!(batch.is_empty());
}

fn made(client: &mut Client, sets: &[(&str, SetShape)]) {
    apply(client, |batch| {
        nftables::add_table(batch, &table()).unwrap();
        for (name, shape) in sets {
            nftables::add_set(batch, &named(name), shape).unwrap();
        }
    });
}

fn elements(client: &mut Client, name: &str) -> Vec<Element> {
    let info = nftables::set(client, &named(name)).unwrap();
    let mut found = Vec::new();
    nftables::elements(client, &info, |element| found.push(element)).unwrap();
    found.sort_by_key(|element| element.key.as_bytes().to_vec());
    found
}

#[test]
fn sets_look_like_those_that_nft_makes() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let key = |values: &[Value]| Key::new(values).unwrap();
    let cases: Vec<(SetShape, &str, Key, &str)> = vec![
        (classic_shape(), "timeout 15m; size 65536;", classic(2), "10.0.0.2 . tcp . 2 . 10.0.0.3"),
        (
            SetShape { fields: vec![Field::Ipv6Addr], timeout: Some(Duration::ZERO), size: None },
            "flags timeout;",
            key(&[Value::Addr("2001:db8::1".parse().unwrap())]),
            "2001:db8::1",
        ),
        (
            SetShape {
                fields: vec![Field::Ipv6Addr, Field::InetService],
                timeout: None,
                size: Some(9),
            },
            "size 9;",
            key(&[Value::Addr("2001:db8::1".parse().unwrap()), Value::Port(443)]),
            "2001:db8::1 . 443",
        ),
        (
            SetShape { fields: vec![Field::EtherAddr], timeout: None, size: None },
            "",
            key(&[Value::Mac(Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]))]),
            "00:11:22:aa:bb:cc",
        ),
        (
            SetShape { fields: vec![Field::InetProto], timeout: None, size: None },
            "",
            key(&[Value::Transport(Transport::Udp)]),
            "udp",
        ),
        (
            SetShape { fields: vec![Field::InetService], timeout: None, size: None },
            "",
            key(&[Value::Port(53)]),
            "53",
        ),
        (
            SetShape { fields: vec![Field::Mark], timeout: None, size: None },
            "",
            key(&[Value::Mark(0x10)]),
            "0x10",
        ),
        (
            SetShape { fields: vec![Field::IfName], timeout: None, size: None },
            "",
            key(&[Value::Interface(Interface::new("br-lan").unwrap())]),
            "br-lan",
        ),
        (
            SetShape {
                fields: vec![Field::EtherAddr, Field::Mark, Field::IfName],
                timeout: None,
                size: None,
            },
            "",
            key(&[
                Value::Mac(Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc])),
                Value::Mark(0x10),
                Value::Interface(Interface::new("eth0").unwrap()),
            ]),
            "00:11:22:aa:bb:cc . 0x10 . eth0",
        ),
    ];
    for family in TableFamily::ALL {
        let ours = Table { family, name: "nfa".to_owned() };
        for (shape, options, key, element) in &cases {
            let types: Vec<&str> = shape.fields.iter().map(|field| field.name()).collect();
            nft(&format!("add table {family} nfa"));
            nft(&format!("add set {family} nfa a.v4 {{ type {}; {options} }}", types.join(" . ")));
            let theirs = nft(&format!("list set {family} nfa a.v4"));
            nft(&format!("add element {family} nfa a.v4 {{ {element} }}"));
            let set = SetName { table: ours.clone(), name: "a.v4".to_owned() };
            let info = nftables::set(&mut client, &set).unwrap();
            assert_eq!(info.differences(shape), [""; 0], "read from nft");
            assert!(info.is_fillable());
            let mut keys = Vec::new();
            nftables::elements(&mut client, &info, |element| keys.push(element.key)).unwrap();
            assert_eq!(keys, [*key], "read from nft");
            // nft's own time left differs by then, so elements with time-outs are compared without.
            let filled =
                |text: String| -> String { text.split(" expires ").next().unwrap().to_owned() };
            let theirs_filled = filled(nft(&format!("list set {family} nfa a.v4")));
            nft(&format!("delete table {family} nfa"));

            apply(&mut client, |batch| {
                nftables::add_table(batch, &ours).unwrap();
                nftables::add_set(batch, &set, shape).unwrap();
            });
            assert_eq!(nft(&format!("list set {family} nfa a.v4")), theirs);
            apply(&mut client, |batch| nftables::add(batch, &set, key, None).unwrap());
            assert_eq!(filled(nft(&format!("list set {family} nfa a.v4"))), theirs_filled);
            let info = nftables::set(&mut client, &set).unwrap();
            assert_eq!(info.differences(shape), [""; 0]);
            apply(&mut client, |batch| nftables::delete_table(batch, &ours).unwrap());
        }
    }
    assert_eq!(nftables::tables(&mut client).unwrap(), []);
}

#[test]
fn sets_of_all_tables_are_found_by_name() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    nft("add table inet fw4");
    nft("add set inet fw4 nfa.video.v4 { type ipv4_addr; timeout 1h; }");
    nft("add set inet fw4 nets { type ipv4_addr; flags interval; }");
    nft("add set inet fw4 odd { type ipv4_addr . dscp; }");
    nft("add table ip mangle");
    nft("add set ip mangle nfa.video.v4 { type ipv4_addr . inet_service; }");
    nft("add map ip mangle m { type ipv4_addr : mark; }");
    let mut told: Vec<String> = nftables::sets(&mut client)
        .unwrap()
        .iter()
        .map(|info| format!("{} {}", info.set, info.is_fillable()))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "inet fw4 nets false",
            "inet fw4 nfa.video.v4 true",
            "inet fw4 odd false",
            "ip mangle m false",
            "ip mangle nfa.video.v4 true"
        ]
    );
    let gone = SetName { name: "nosuch".into(), ..named("") };
    let error = nftables::set(&mut client, &gone).unwrap_err();
    assert_eq!(error.to_string(), "nft read set inet nfa nosuch: ENOENT: no such table or set");
    assert!(error.is_missing() && !error.is_unsupported());
}

#[test]
fn a_refused_change_is_told_and_the_others_are_made() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let small = SetShape { size: Some(2), ..address_shape() };
    let plain = SetShape { timeout: None, ..address_shape() };
    made(&mut client, &[("a", address_shape()), ("small", small), ("plain", plain)]);
    let one = |number| Key::new(&[addr(number)]).unwrap();
    let minute = Some(Duration::from_secs(60));
    let mut batch = Batch::new();
    batch.set_tag(1);
    nftables::refresh(&mut batch, &named("a"), &one(1), minute).unwrap();
    batch.set_tag(2);
    nftables::add(&mut batch, &named("nosuch"), &one(1), minute).unwrap();
    batch.set_tag(3);
    nftables::refresh(&mut batch, &named("nosuch"), &one(1), minute).unwrap();
    batch.set_tag(4);
    nftables::add(&mut batch, &named("a"), &classic(1), minute).unwrap();
    batch.set_tag(5);
    nftables::add(&mut batch, &named("plain"), &one(1), minute).unwrap();
    for number in 1..=3 {
        batch.set_tag(10 + number);
        nftables::add(&mut batch, &named("small"), &one(number), minute).unwrap();
    }
    batch.set_tag(6);
    nftables::delete(&mut batch, &named("a"), &one(77)).unwrap(); // not there: no error
    batch.set_tag(7);
    nftables::add(&mut batch, &named("a"), &one(2), None).unwrap();
    batch.set_tag(8);
    nftables::delete_table(&mut batch, &Table { name: "other".into(), ..table() }).unwrap();
    let told: Vec<(u32, String)> = client
        .commit(&mut batch)
        .into_iter()
        .map(|failure| (failure.tag, failure.error.to_string()))
        .collect();
    let misfit =
        "EINVAL: the element does not fit the set (key length, or a timeout the set cannot keep)";
    assert_eq!(
        told,
        [
            (
                2,
                "nft add element inet nfa nosuch { 10.0.0.1 }: ENOENT: no such table or set".into()
            ),
            (
                3,
                "nft add element inet nfa nosuch { 10.0.0.1 }: ENOENT: no such table or set".into()
            ),
            (
                4,
                format!("nft add element inet nfa a {{ 10.0.0.1 . tcp . 1 . 10.0.0.2 }}: {misfit}")
            ),
            (5, format!("nft add element inet nfa plain {{ 10.0.0.1 }}: {misfit}")),
            (
                13,
                "nft add element inet nfa small { 10.0.0.3 }: ENFILE: the set is full (size)"
                    .into()
            ),
            (8, "nft destroy table inet other: ENOENT: no such table or set".into()),
        ]
    );
    let keys = |found: Vec<Element>| {
        found.iter().map(|element| element.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys(elements(&mut client, "a")), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(keys(elements(&mut client, "small")), ["10.0.0.1", "10.0.0.2"]);
    // An element of a full set is refreshed all the same.
    apply(&mut client, |batch| {
        nftables::refresh(batch, &named("small"), &one(1), minute).unwrap();
    });
    // A set that exists with another shape.
    nftables::add_set(&mut batch, &named("a"), &classic_shape()).unwrap();
    let failures = client.commit(&mut batch);
    assert!(failures.iter().all(|failure| failure.error.code() == Some(libc::EEXIST)));
    let info = nftables::set(&mut client, &named("a")).unwrap();
    assert_eq!(
        info.differences(&classic_shape()),
        ["type ipv4_addr, expected ipv4_addr . inet_proto . inet_service . ipv4_addr"]
    );
    // A set in use stays.
    nft("add chain inet nfa c");
    nft("add rule inet nfa c ip daddr @a accept");
    nftables::delete_set(&mut batch, &named("a")).unwrap();
    let failures = client.commit(&mut batch);
    assert_eq!(
        failures[0].error.to_string(),
        "nft destroy set inet nfa a: EBUSY: a rule refers to it"
    );
}

#[test]
fn refresh_restarts_the_time_out_and_adding_does_not() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    made(&mut client, &[("a", classic_shape())]);
    let ten_minutes = Some(Duration::from_secs(600));
    apply(&mut client, |batch| {
        nftables::refresh(batch, &named("a"), &classic(1), ten_minutes).unwrap();
        nftables::add(batch, &named("a"), &classic(2), ten_minutes).unwrap();
        nftables::add(batch, &named("a"), &classic(3), Some(Duration::ZERO)).unwrap();
    });
    thread::sleep(Duration::from_millis(1200));
    apply(&mut client, |batch| {
        nftables::refresh(batch, &named("a"), &classic(1), ten_minutes).unwrap();
        nftables::add(batch, &named("a"), &classic(2), ten_minutes).unwrap();
    });
    let found = elements(&mut client, "a");
    assert_eq!(found.len(), 3);
    let whole = Duration::from_secs(599);
    assert!(found[0].left.unwrap() > whole, "refreshed: {found:?}");
    assert!(found[1].left.unwrap() < whole, "added again: {found:?}");
    assert_eq!(found[2].left, None, "for ever");
    apply(&mut client, |batch| {
        nftables::delete(batch, &named("a"), &classic(3)).unwrap();
        nftables::delete(batch, &named("a"), &classic(3)).unwrap();
    });
    assert_eq!(elements(&mut client, "a").len(), 2);
    apply(&mut client, |batch| nftables::flush_set(batch, &named("a")).unwrap());
    assert_eq!(elements(&mut client, "a"), []);
    apply(&mut client, |batch| nftables::delete_set(batch, &named("a")).unwrap());
    assert!(nftables::set(&mut client, &named("a")).unwrap_err().is_missing());
}

#[test]
fn ten_thousand_changes_take_few_calls() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    made(&mut client, &[("a", classic_shape())]);
    let before = nftables::generation(&mut client).unwrap();
    let mut batch = Batch::new();
    for (what, refresh) in [("adds", false), ("refreshes", true)] {
        let start = Instant::now();
        for number in 0..10_000 {
            let timeout = Some(Duration::from_secs(600));
            if refresh {
                nftables::refresh(&mut batch, &named("a"), &classic(number), timeout).unwrap();
            } else {
                nftables::add(&mut batch, &named("a"), &classic(number), timeout).unwrap();
            }
        }
        let calls = client.calls();
        assert_eq!(client.commit(&mut batch), []);
        println!("10000 {what}: {} system calls, {:?}", client.calls() - calls, start.elapsed());
        assert!(client.calls() - calls <= 120);
    }
    assert!(nftables::generation(&mut client).unwrap() > before);
    assert_eq!(elements(&mut client, "a").len(), 10_000);
    // A transaction of which every message fails.
    for number in 0..1000 {
        batch.set_tag(number);
        nftables::add(&mut batch, &named("nosuch"), &classic(number), None).unwrap();
    }
    let tags: Vec<u32> = client.commit(&mut batch).iter().map(|failure| failure.tag).collect();
    assert_eq!(tags, (0..1000).collect::<Vec<_>>());
}

#[test]
fn what_others_do_is_told() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut watcher = Client::open().unwrap();
    nftables::subscribe(&mut watcher).unwrap();
    made(&mut client, &[("a", classic_shape())]);
    apply(&mut client, |batch| nftables::add(batch, &named("a"), &classic(1), None).unwrap());
    let own = client.port();
    assert_ne!(own, 0);
    let read = |watcher: &mut Client| {
        let mut found = Vec::new();
        nftables::events(watcher, own, |event| found.push(event)).unwrap();
        found
    };
    let found = read(&mut watcher);
    assert_eq!(found.len(), 2, "own changes are generations only: {found:?}");
    let Event::Generation { process, .. } = &found[0] else { panic!("{found:?}") };
    // SAFETY: takes no pointer.
    let thread = unsafe { libc::gettid() };
    assert_eq!(u32::try_from(thread), Ok(*process));
    nft("add table inet fw4");
    nft("add set inet fw4 b { type ipv4_addr; }");
    nft("delete element inet nfa a { 10.0.0.1 . tcp . 1 . 10.0.0.2 }");
    nft("flush ruleset");
    let found = read(&mut watcher);
    let deleted = |name: &Table| Event::TableDeleted(name.clone());
    assert!(found.contains(&deleted(&table())));
    assert!(found.contains(&deleted(&Table { name: "fw4".into(), ..table() })));
    assert!(found.contains(&Event::SetDeleted(named("a"))));
    assert!(
        found.iter().any(|event| matches!(event, Event::SetAdded(info) if info.set.name == "b"))
    );
    assert!(found.iter().any(|event| {
        matches!(event, Event::ElementsDeleted(set, keys)
            if *set == named("a") && keys[0].as_bytes() == classic(1).as_bytes())
    }));
    let Some(Event::Generation { id, name, .. }) = found.last() else { panic!("{found:?}") };
    assert_eq!((*id, name.as_str()), (nftables::generation(&mut client).unwrap(), "nft"));
    // A flood that does not fit the socket's room is told as such, not silently cut.
    nft("add table inet nfa");
    made(&mut client, &[("a", classic_shape())]);
    let mut batch = Batch::new();
    for round in 0..20 {
        for number in 0..2000 {
            nftables::add(&mut batch, &named("a"), &classic(round * 2000 + number), None).unwrap();
        }
        assert_eq!(client.commit(&mut batch), []);
    }
    let mut overrun = false;
    for _ in 0..10_000 {
        match nftables::events(&mut watcher, own, |_| ()) {
            Ok(()) => break,
            Err(error) => {
                assert_eq!(error.cause, Cause::Overrun);
                overrun = true;
            }
        }
    }
    println!("a flood of 40000 events overran the socket: {overrun}");
}

#[test]
fn without_the_right_every_change_is_told() {
    let Some(()) = namespace() else { return };
    drop_rights();
    let mut client = Client::open().unwrap();
    let error = nftables::sets(&mut client).unwrap_err();
    assert!(error.is_permission(), "{error}");
    let mut batch = Batch::new();
    nftables::add_table(&mut batch, &table()).unwrap();
    batch.set_tag(1);
    nftables::refresh(&mut batch, &named("a"), &classic(1), None).unwrap();
    let told: Vec<(u32, String)> = client
        .commit(&mut batch)
        .into_iter()
        .map(|failure| (failure.tag, failure.error.to_string()))
        .collect();
    let why = "EPERM: not permitted, CAP_NET_ADMIN is needed";
    assert_eq!(
        told,
        [
            (0, format!("nft create table inet nfa: {why}")),
            (1, format!("nft add element inet nfa a {{ 10.0.0.1 . tcp . 1 . 10.0.0.2 }}: {why}"))
        ]
    );
}
