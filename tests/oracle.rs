//! Our netlink messages beside the kernel's own tools: one set made and filled by nfa, another by
//! `ipset` or `nft`, of every type, family and option; both must look the same to the tool. Then
//! batches made by chance, after each of which a plain map, our dump and the tool's must agree.
//! Needs root. Types that the kernel at hand lacks are named and skipped; NFA_ORACLE_TYPE=hash:mac
//! looks at that type alone, and to lack it is a failure: so it is in the guest (`./test guest`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // that module serves several tests

mod netlink;
#[path = "oracle/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use netlink::namespace;
use nfa::net::{Mac, Transport};
use nfa::netlink::ipset::{
    self, Created, Entry, Family, Kind, MOST_TIMEOUT_SECONDS, Shape, SkbInfo,
};
use nfa::netlink::nftables::{
    self, Field, Interface, Key, SetName, SetShape, Table, TableFamily, Value,
};
use nfa::netlink::{Batch, Client};
use tools::{Random, Saved, ipset_restore, ipset_save, nft, nft_set};

const NO_SKB: SkbInfo = SkbInfo { mark: None, prio: None, queue: None };

/// Whether the kernel has the type; where it must have all, it does.
fn has(client: &mut Client, kind: Kind, family: Family) -> bool {
    match ipset::revisions(client, kind, family) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is_unsupported(), "{error}");
            assert!(std::env::var_os("NFA_ORACLE_TYPE").is_none(), "{error}");
            println!("skipped: this kernel lacks {} ({family})", kind.name());
            false
        }
    }
}

/// All that a set of hash:* may be.
fn shapes(client: &mut Client) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let only = std::env::var("NFA_ORACLE_TYPE").ok();
    for kind in Kind::ALL {
        if only.as_deref().is_some_and(|only| only != kind.name()) {
            continue;
        }
        let families =
            if kind.has_family() { &[Family::V4, Family::V6][..] } else { &[Family::None] };
        for family in families {
            if !has(client, kind, *family) {
                continue;
            }
            let most = u64::from(MOST_TIMEOUT_SECONDS);
            for timeout in [None, Some(0), Some(600), Some(most)] {
                for (maxelem, hashsize) in [(65_536, None), (7, Some(64)), (1_000_000, Some(5000))]
                {
                    for skbinfo in [false, true] {
                        let timeout = timeout.map(Duration::from_secs);
                        let family = *family;
                        shapes.push(Shape { kind, family, timeout, maxelem, hashsize, skbinfo });
                    }
                }
            }
        }
    }
    shapes
}

/// As `ipset create` wants it.
fn words(shape: &Shape) -> String {
    let mut words = shape.to_string();
    if let Some(hashsize) = shape.hashsize {
        words.push_str(&format!(" hashsize {hashsize}"));
    }
    words
}

/// Elements at the edges of what each part may be, each with the word for it.
fn entries(kind: Kind, family: Family) -> Vec<(Entry, String)> {
    let addrs: Vec<IpAddr> = match family {
        Family::V6 => ["2001:db8::1", "::1", "fe80::ffff:1", "ffff:ffff:ffff::fffe"]
            .map(|text| text.parse::<Ipv6Addr>().unwrap().into())
            .to_vec(),
        _ => ["10.0.0.1", "0.0.0.1", "255.255.255.255", "203.0.113.9"]
            .map(|text| text.parse::<Ipv4Addr>().unwrap().into())
            .to_vec(),
    };
    // Ports of what has some; type and code of ICMP; 0 of the rest.
    let icmp = if family == Family::V6 {
        (Transport::ICMPV6, 128 << 8, "icmpv6:128/0")
    } else {
        (Transport::ICMP, 8 << 8, "icmp:8/0")
    };
    let ports = [
        (Transport::Tcp, 443, "tcp:443"),
        (Transport::Tcp, 65_535, "tcp:65535"),
        (Transport::Udp, 1, "udp:1"),
        (Transport::Other(132), 5060, "sctp:5060"),
        (Transport::Other(136), 9, "udplite:9"),
        (Transport::Other(50), 0, "esp:0"),
        icmp,
    ];
    let mut entries = Vec::new();
    let mut push = |entry, word| entries.push((entry, word));
    match kind {
        Kind::Ip => addrs.iter().for_each(|addr| push(Entry::Ip(*addr), addr.to_string())),
        Kind::IpPort | Kind::IpPortIp => {
            for (number, (transport, port, word)) in ports.into_iter().enumerate() {
                let (addr, second) = (addrs[number % 4], addrs[(number + 1) % 4]);
                if kind == Kind::IpPort {
                    push(Entry::IpPort(addr, transport, port), format!("{addr},{word}"));
                } else {
                    let entry = Entry::IpPortIp(addr, transport, port, second);
                    push(entry, format!("{addr},{word},{second}"));
                }
            }
        }
        Kind::Mac => {
            for mac in [[2, 0, 0, 0, 0, 1], [0xfe; 6], [0, 0, 0, 0, 0, 1], [0xff; 6]] {
                push(Entry::Mac(Mac(mac)), Mac(mac).to_string());
            }
        }
    }
    entries
}

/// What an element may carry, with the words for it.
fn extras(shape: &Shape, number: usize) -> (Option<Duration>, SkbInfo, String) {
    let mut words = String::new();
    let mut timeout = None;
    if shape.timeout.is_some() {
        let all = [None, Some(0), Some(500), Some(86_400), Some(MOST_TIMEOUT_SECONDS.into())];
        timeout = all[number % all.len()].map(Duration::from_secs);
        if let Some(timeout) = timeout {
            words.push_str(&format!(" timeout {}", timeout.as_secs()));
        }
    }
    let mut skb = NO_SKB;
    if shape.skbinfo {
        let all = [
            (NO_SKB, ""),
            (SkbInfo { mark: Some((0x10, 0xff)), ..NO_SKB }, " skbmark 0x10/0xff"),
            (SkbInfo { mark: Some((u32::MAX, u32::MAX)), ..NO_SKB }, " skbmark 0xffffffff"),
            (SkbInfo { prio: Some((1, 0xa0)), ..NO_SKB }, " skbprio 1:a0"),
            (
                SkbInfo { mark: Some((1, 1)), prio: Some((0xffff, 0xffff)), queue: Some(65_535) },
                " skbmark 0x1/0x1 skbprio ffff:ffff skbqueue 65535",
            ),
        ];
        let (info, word) = all[number % all.len()];
        skb = info;
        words.push_str(word);
    }
    (timeout, skb, words)
}

#[test]
fn ipset_sees_no_difference_between_our_sets_and_its_own() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut batch = Batch::new();
    let (mut sets, mut elements) = (0, 0);
    for shape in shapes(&mut client) {
        let words = words(&shape);
        assert_eq!(ipset::create(&mut client, "ours", &shape).unwrap(), Created::New, "{words}");
        let mut script = format!("create theirs {words}\n");
        let mut all = entries(shape.kind, shape.family);
        all.truncate(usize::try_from(shape.maxelem).unwrap());
        for (number, (entry, word)) in all.iter().enumerate() {
            let (timeout, skb, extra) = extras(&shape, number);
            ipset::add(&mut batch, "ours", entry, timeout, &skb).unwrap();
            script.push_str(&format!("add theirs {word}{extra}\n"));
        }
        assert_eq!(client.commit(&mut batch), [], "{words}");
        ipset_restore(&script);
        let (ours, theirs) = (ipset_save("ours"), ipset_save("theirs"));
        assert!(ours.is_like(&theirs), "{words}:\n{ours:#?}\n{theirs:#?}");
        assert_eq!(ours.elements.len(), all.len());
        let header = ipset::header(&mut client, "theirs").unwrap();
        assert_eq!(header.differences(&shape), [""; 0]);

        // Added again with other extras, and every other one deleted: ours by the tool and theirs by
        // us, so that each must find what the other put in.
        let mut script = String::new();
        for (number, (entry, word)) in all.iter().enumerate() {
            if number % 2 == 0 {
                ipset::delete(&mut batch, "theirs", entry).unwrap();
                script.push_str(&format!("del ours {word}\n"));
                continue;
            }
            let (timeout, skb, extra) = extras(&shape, number + 1);
            ipset::add(&mut batch, "theirs", entry, timeout, &skb).unwrap();
            script.push_str(&format!("add -exist ours {word}{extra}\n"));
        }
        assert_eq!(client.commit(&mut batch), [], "{words}");
        ipset_restore(&script);
        let (ours, theirs) = (ipset_save("ours"), ipset_save("theirs"));
        assert!(ours.is_like(&theirs), "{words}, changed:\n{ours:#?}\n{theirs:#?}");
        assert_eq!(ours.elements.len(), all.len() / 2);
        sets += 1;
        elements += all.len();
        ipset_restore("destroy ours\ndestroy theirs\n");
    }
    println!("{sets} ipsets with {elements} elements, each made by both");
    let least = if std::env::var_os("NFA_ORACLE_TYPE").is_some() { 24 } else { 144 };
    assert!(sets >= least, "one type, or three of both families, in all shapes: {sets}");
}

fn interface(name: &str) -> Value {
    Value::Interface(Interface::new(name).unwrap())
}

/// Two values of a field, each with the word for it.
fn values(field: Field, second: bool) -> (Value, String) {
    let pick = |one: (Value, &str), two: (Value, &str)| {
        let (value, word) = if second { two } else { one };
        (value, word.to_owned())
    };
    let addr = |text: &str| Value::Addr(text.parse().unwrap());
    match field {
        Field::Ipv4Addr => {
            pick((addr("10.0.0.1"), "10.0.0.1"), (addr("255.0.255.254"), "255.0.255.254"))
        }
        Field::Ipv6Addr => pick((addr("2001:db8::1"), "2001:db8::1"), (addr("::ffff"), "::ffff")),
        Field::EtherAddr => pick(
            (Value::Mac(Mac([2, 0, 0, 0, 0, 1])), "02:00:00:00:00:01"),
            (Value::Mac(Mac([0xff; 6])), "ff:ff:ff:ff:ff:ff"),
        ),
        Field::InetProto => pick(
            (Value::Transport(Transport::Tcp), "tcp"),
            (Value::Transport(Transport::Other(253)), "253"),
        ),
        Field::InetService => pick((Value::Port(443), "443"), (Value::Port(65_535), "65535")),
        Field::Mark => pick((Value::Mark(0x10), "0x10"), (Value::Mark(0xffff_fffe), "0xfffffffe")),
        Field::IfName => pick(
            (interface("br-lan"), "\"br-lan\""),
            (interface("abcdefghijklmno"), "\"abcdefghijklmno\""),
        ),
    }
}

/// Every field alone, every pair, and long keys.
fn keys() -> Vec<Vec<Field>> {
    let mut keys: Vec<Vec<Field>> = Field::ALL.iter().map(|field| vec![*field]).collect();
    for first in Field::ALL {
        keys.extend(Field::ALL.iter().map(|second| vec![first, *second]));
    }
    use Field::{EtherAddr, IfName, InetProto, InetService, Ipv4Addr, Ipv6Addr, Mark};
    keys.push(vec![Ipv4Addr, InetProto, InetService, Ipv4Addr]);
    keys.push(vec![Ipv6Addr, InetProto, InetService, Ipv6Addr]);
    keys.push(vec![EtherAddr, IfName, InetService, Mark, Ipv4Addr]);
    keys.push(vec![Mark, Mark, Mark, Mark, Mark]);
    keys
}

#[test]
fn nft_sees_no_difference_between_our_sets_and_its_own() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut batch = Batch::new();
    let mut sets = 0;
    for family in TableFamily::ALL {
        let table = Table { family, name: "t".to_owned() };
        nft(&format!("add table {family} t"));
        let set = SetName { table, name: "ours".to_owned() };
        // Every key in one family; in the others what differs is the table.
        let all = keys();
        let keys = if family == TableFamily::Inet { &all[..] } else { &all[all.len() - 4..] };
        for fields in keys {
            for (timeout, size) in
                [(None, None), (Some(0), Some(9)), (Some(900), Some(65_536)), (Some(900), None)]
            {
                let timeout = timeout.map(Duration::from_secs);
                let shape = SetShape { fields: fields.clone(), timeout, size };
                let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
                let names = names.join(" . ");
                let keeps = match timeout {
                    None => String::new(),
                    Some(Duration::ZERO) => "flags timeout;".to_owned(),
                    Some(timeout) => format!("timeout {}s;", timeout.as_secs()),
                };
                let size = size.map_or(String::new(), |size| format!("size {size};"));
                let what = format!("{family} {names} {keeps} {size}");
                let create =
                    format!("add set {family} t theirs {{ type {names}; {keeps} {size} }}");
                let mut script = create;
                nftables::add_set(&mut batch, &set, &shape).unwrap();
                for (number, own) in [None, Some(200), Some(86_400)].into_iter().enumerate() {
                    let parts: Vec<_> = fields
                        .iter()
                        .enumerate()
                        .map(|(at, field)| values(*field, (number >> at.min(1)) & 1 == 1))
                        .collect();
                    let (values, words): (Vec<Value>, Vec<String>) = parts.into_iter().unzip();
                    let key = Key::new(&values).unwrap();
                    let own = own.filter(|_| timeout.is_some());
                    let limit = own.map_or(String::new(), |own| format!(" timeout {own}s"));
                    nftables::add(&mut batch, &set, &key, own.map(Duration::from_secs)).unwrap();
                    let words = words.join(" . ");
                    script
                        .push_str(&format!("\nadd element {family} t theirs {{ {words}{limit} }}"));
                }
                assert_eq!(client.commit(&mut batch), [], "{what}");
                nft(&script);
                let (ours, theirs) = (nft_set(family, "ours"), nft_set(family, "theirs"));
                assert!(ours.is_like(&theirs), "{what}:\n{ours:#?}\n{theirs:#?}");
                let their_name = SetName { name: "theirs".to_owned(), ..set.clone() };
                let info = nftables::set(&mut client, &their_name).unwrap();
                assert_eq!(info.differences(&shape), [""; 0], "{what}");
                nft(&format!("delete set {family} t ours\ndelete set {family} t theirs"));
                sets += 1;
            }
        }
    }
    println!("{sets} nft sets, each made by both");
}

/// A plain map beside a kernel set: what is in it and for how long from now, if not for ever.
type Plain = BTreeMap<u32, Option<u64>>;

/// Changes by chance; each is applied to the map and queued by `queue`.
fn change(random: &mut Random, plain: &mut Plain, mut queue: impl FnMut(u32, Option<Option<u64>>)) {
    for _ in 0..random.below(60) {
        let number = random.below(40);
        match random.below(3) {
            0 => {
                plain.remove(&number);
                queue(number, None);
            }
            _ => {
                let timeout = [None, Some(200), Some(900)][random.below(3) as usize];
                plain.insert(number, timeout);
                queue(number, Some(timeout));
            }
        }
    }
}

/// Compares by element, seconds left with room for the time that the test takes.
fn assert_agree(plain: &BTreeMap<String, Option<u64>>, found: &Saved, who: &str) {
    let bare = |elements: &mut dyn Iterator<Item = (&String, Option<u64>)>| Saved {
        header: String::new(),
        elements: elements
            .map(|(element, left)| (element.clone(), (String::new(), left)))
            .collect(),
    };
    let found = bare(&mut found.elements.iter().map(|(element, (_, left))| (element, *left)));
    let expected = bare(&mut plain.iter().map(|(element, left)| (element, *left)));
    assert!(found.is_like(&expected), "{who}:\n{found:#?}\n{expected:#?}");
}

#[test]
fn ipset_holds_what_batches_by_chance_say() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut random = Random(11);
    for kind in [Kind::Ip, Kind::IpPort, Kind::IpPortIp] {
        for family in [Family::V4, Family::V6] {
            if !has(&mut client, kind, family) {
                continue;
            }
            let timeout = Some(Duration::from_secs(600));
            let shape =
                Shape { kind, family, timeout, maxelem: 65_536, hashsize: None, skbinfo: false };
            ipset::create(&mut client, "s", &shape).unwrap();
            let addr = |number: u32| -> IpAddr {
                match family {
                    Family::V6 => {
                        Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number)).into()
                    }
                    _ => Ipv4Addr::from(0x0a00_0000 | number).into(),
                }
            };
            let entry = |number: u32| {
                let (port, udp) = (u16::try_from(number).unwrap() + 1, Transport::Udp);
                match kind {
                    Kind::Ip => Entry::Ip(addr(number + 1)),
                    Kind::IpPort => Entry::IpPort(addr(number / 3 + 1), udp, port),
                    _ => Entry::IpPortIp(addr(number / 3 + 1), udp, port, addr(7)),
                }
            };
            let mut plain = Plain::new();
            let mut batch = Batch::new();
            for _ in 0..30 {
                if random.below(10) == 0 {
                    plain.clear();
                    ipset::flush_in(&mut batch, "s").unwrap();
                }
                change(&mut random, &mut plain, |number, to| match to {
                    None => ipset::delete(&mut batch, "s", &entry(number)).unwrap(),
                    Some(timeout) => {
                        let timeout = Some(Duration::from_secs(timeout.unwrap_or(0)));
                        ipset::add(&mut batch, "s", &entry(number), timeout, &NO_SKB).unwrap();
                    }
                });
                assert_eq!(client.commit(&mut batch), []);
                let expected =
                    plain.iter().map(|(number, t)| (entry(*number).to_string(), *t)).collect();
                let theirs = ipset_save("s");
                assert_agree(&expected, &theirs, "ipset save");
                let mut ours = Saved::default();
                ipset::dump(&mut client, "s", |member| {
                    let left = member.timeout.map(|left| left.as_secs()).filter(|left| *left > 0);
                    ours.elements.insert(member.entry.to_string(), (String::new(), left));
                })
                .unwrap();
                assert_agree(&expected, &ours, "our dump");
            }
            ipset::destroy(&mut client, "s").unwrap();
        }
    }
}

#[test]
fn nft_holds_what_batches_by_chance_say() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut random = Random(12);
    let table = Table { family: TableFamily::Inet, name: "t".to_owned() };
    nft("add table inet t");
    let (addr, port) = (Field::Ipv4Addr, Field::InetService);
    for fields in [vec![addr], vec![addr, Field::InetProto, port, addr]] {
        let set = SetName { table: table.clone(), name: "s".to_owned() };
        let timeout = Some(Duration::from_secs(600));
        let shape = SetShape { fields: fields.clone(), timeout, size: Some(65_536) };
        let mut batch = Batch::new();
        nftables::add_set(&mut batch, &set, &shape).unwrap();
        assert_eq!(client.commit(&mut batch), []);
        let key = |number: u32| {
            let addr = |number: u32| Value::Addr(Ipv4Addr::from(0x0a00_0000 | number).into());
            let port = Value::Port(u16::try_from(number).unwrap() + 1);
            let long = [addr(number / 3), Value::Transport(Transport::Udp), port, addr(7)];
            let short = [addr(number)];
            Key::new(if fields.len() == 1 { &short } else { &long }).unwrap()
        };
        let mut plain = Plain::new();
        for _ in 0..30 {
            if random.below(10) == 0 {
                plain.clear();
                nftables::flush_set(&mut batch, &set).unwrap();
            }
            change(&mut random, &mut plain, |number, to| match to {
                None => nftables::delete(&mut batch, &set, &key(number)).unwrap(),
                Some(timeout) => {
                    let timeout = Some(Duration::from_secs(timeout.unwrap_or(0)));
                    nftables::refresh(&mut batch, &set, &key(number), timeout).unwrap();
                }
            });
            assert_eq!(client.commit(&mut batch), []);
            let expected = plain.iter().map(|(number, t)| (key(*number).to_string(), *t)).collect();
            let theirs = nft_set(TableFamily::Inet, "s");
            assert_agree(&expected, &theirs, "nft -j list set");
            let info = nftables::set(&mut client, &set).unwrap();
            let mut ours = Saved::default();
            nftables::elements(&mut client, &info, |element| {
                let left = element.left.map(|left| left.as_secs());
                ours.elements.insert(element.key.to_string(), (String::new(), left));
            })
            .unwrap();
            assert_agree(&expected, &ours, "our dump");
        }
        nft("delete set inet t s");
    }
}
