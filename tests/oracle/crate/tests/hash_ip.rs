//! nfa's hash:ip sets beside those that the `ipset` crate makes by libipset: same sets, elements,
//! timeouts and marks to the `ipset` command, and each finds what the other put in. Needs root.
//!
//! The crate is an oracle only: hash:ip,port and hash:ip,port,ip, it cannot fill at all, and it
//! panics on listing a set with timeouts, so the listing is the command's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in the shared module: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

#[path = "../../../netlink/mod.rs"]
mod netlink;
#[path = "../../tools.rs"]
mod tools;

use std::net::IpAddr;
use std::time::Duration;

use ::ipset::Session;
use ::ipset::types::{AddOption, HashIp, IpDataType};
use netlink::namespace;
use nfa::netlink::ipset::{self, Created, Entry, Family, Kind, Shape, SkbInfo};
use nfa::netlink::{Batch, Client};
use tools::ipset_save;

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for family in [Family::V4, Family::V6] {
        for timeout in [None, Some(0), Some(600), Some(2_147_483)] {
            for (maxelem, hashsize) in [(65_536, None), (7, Some(64)), (1_000_000, Some(4096))] {
                for skbinfo in [false, true] {
                    let timeout = timeout.map(Duration::from_secs);
                    let kind = Kind::Ip;
                    shapes.push(Shape { kind, family, timeout, maxelem, hashsize, skbinfo });
                }
            }
        }
    }
    shapes
}

/// Makes a set of that shape by the crate.
fn create(session: &mut Session<HashIp>, shape: &Shape) {
    let made = session.create(|builder| {
        let mut builder = builder
            .with_ipv6(shape.family == Family::V6)?
            .with_max_elem(shape.maxelem)?;
        if let Some(hashsize) = shape.hashsize {
            builder = builder.with_hash_size(hashsize)?;
        }
        if let Some(timeout) = shape.timeout {
            builder = builder.with_timeout(u32::try_from(timeout.as_secs()).unwrap())?;
        }
        if shape.skbinfo {
            builder = builder.with_skbinfo()?;
        }
        builder.build()
    });
    assert!(made.unwrap());
}

fn addrs(family: Family) -> Vec<IpAddr> {
    let texts = match family {
        Family::V6 => ["2001:db8::1", "::1", "fe80::ffff:1", "ffff:ffff:ffff::fffe", "::ffff:0:1"],
        _ => ["10.0.0.1", "0.0.0.1", "255.255.255.255", "203.0.113.9", "127.0.0.1"],
    };
    texts.map(|text| text.parse().unwrap()).to_vec()
}

/// What an element carries, for nfa and for the crate.
fn extras(shape: &Shape, number: usize) -> (Option<Duration>, SkbInfo, Vec<AddOption>) {
    let mut options = Vec::new();
    let mut skb = SkbInfo::default();
    let mut timeout = None;
    if shape.timeout.is_some() {
        timeout = [None, Some(0), Some(500), Some(2_147_483)][number % 4];
        options.extend(timeout.map(AddOption::Timeout));
    }
    if shape.skbinfo && number % 3 > 0 {
        skb.mark = Some((0x10, 0xff));
        options.push(AddOption::SkbMark(0x10, 0xff));
        skb.prio = Some((1, 0xa0));
        options.push(AddOption::SkbPrio(1, 0xa0));
        skb.queue = Some(3);
        options.push(AddOption::SkbQueue(3));
    }
    (timeout.map(|seconds| Duration::from_secs(seconds.into())), skb, options)
}

#[test]
fn the_crate_sees_no_difference_between_our_sets_and_its_own() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    let mut batch = Batch::new();
    let mut sets = 0;
    for shape in shapes() {
        assert_eq!(ipset::create(&mut client, "ours", &shape).unwrap(), Created::New);
        // A session keeps what it was told last: one for each set.
        create(&mut Session::new("theirs".to_owned()), &shape);
        let addrs = addrs(shape.family);
        for (number, addr) in addrs.iter().enumerate() {
            let (timeout, skb, options) = extras(&shape, number);
            ipset::add(&mut batch, "ours", &Entry::Ip(*addr), timeout, &skb).unwrap();
            let mut theirs: Session<HashIp> = Session::new("theirs".to_owned());
            assert!(theirs.add(*addr, &options).unwrap(), "{shape}: {addr}");
        }
        assert_eq!(client.commit(&mut batch), [], "{shape}");
        let (ours, theirs) = (ipset_save("ours"), ipset_save("theirs"));
        assert!(ours.is_like(&theirs), "{shape}:\n{ours:#?}\n{theirs:#?}");
        assert_eq!(ours.elements.len(), addrs.len());
        let header = ipset::header(&mut client, "theirs").unwrap();
        assert_eq!(header.differences(&shape), [""; 0]);

        // Each finds and deletes what the other put in.
        for (number, addr) in addrs.iter().enumerate() {
            let there: IpDataType = (*addr).into();
            let mut crate_on_ours: Session<HashIp> = Session::new("ours".to_owned());
            assert!(crate_on_ours.test(there).unwrap(), "{shape}: {addr}");
            assert!(ipset::test(&mut client, "theirs", &Entry::Ip(*addr)).unwrap());
            if number % 2 == 0 {
                assert!(crate_on_ours.del(*addr).unwrap());
                assert!(!ipset::test(&mut client, "ours", &Entry::Ip(*addr)).unwrap());
                ipset::delete(&mut batch, "theirs", &Entry::Ip(*addr)).unwrap();
                assert_eq!(client.commit(&mut batch), []);
                let mut on_theirs: Session<HashIp> = Session::new("theirs".to_owned());
                assert!(!on_theirs.test(*addr).unwrap());
            }
        }
        let (ours, theirs) = (ipset_save("ours"), ipset_save("theirs"));
        assert!(ours.is_like(&theirs), "{shape}, fewer:\n{ours:#?}\n{theirs:#?}");
        ipset::destroy(&mut client, "ours").unwrap();
        ipset::destroy(&mut client, "theirs").unwrap();
        sets += 1;
    }
    println!("{sets} hash:ip sets, each made by both");
    assert_eq!(sets, 48);
}
