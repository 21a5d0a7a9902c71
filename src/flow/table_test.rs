//! Tests of the flow table.

use super::*;
use crate::flow::tests::packet;
use crate::flow::{Locality, Stakes};

fn flow(transport: Transport, port: u16, at: u64) -> Flow {
    let at = Timestamp::from_micros(at * 1_000_000);
    Flow::new(&packet(transport, port), at, 0, &Locality::default())
}

#[test]
fn flows_expire_when_their_kind_has_been_idle() {
    let mut table = FlowTable::new(10, Some(IdleTimeouts::default()));
    table.insert(flow(Transport::Tcp, 1, 0));
    let (udp, _) = table.insert(flow(Transport::Udp, 2, 0));
    let (closed, _) = table.insert(flow(Transport::Tcp, 3, 0));
    let secs = |s: u64| Timestamp::from_micros(s * 1_000_000);
    table.get_mut(closed).unwrap().ending.reset = true;
    table.touch(closed, secs(0));
    assert_eq!(table.next_expiry(), Some(secs(5)));
    assert!(table.pop_expired(secs(4)).is_none());
    assert!(table.pop_expired(secs(5)).unwrap().ending.reset);
    assert!(table.pop_expired(secs(29)).is_none());
    table.get_mut(udp).unwrap().last_seen = secs(20);
    table.touch(udp, secs(20));
    assert!(table.pop_expired(secs(49)).is_none());
    assert_eq!(table.pop_expired(secs(50)).unwrap().key.transport(), Transport::Udp);
    assert!(table.get(udp).is_none(), "its id is stale");
    assert_eq!(table.pop_expired(secs(300)).unwrap().key.transport(), Transport::Tcp);
    assert!(table.is_empty() && table.next_expiry().is_none());
}

/// A flow that was seen again right after it came to its place must not wait for those that come
/// later.
#[test]
fn a_flow_seen_twice_at_once_expires_when_it_ought_to() {
    let mut table = FlowTable::new(10, Some(IdleTimeouts::default()));
    let millis = |ms: u64| Timestamp::from_micros(ms * 1000);
    let see = |table: &mut FlowTable, id, at| {
        table.get_mut(id).unwrap().last_seen = at;
        table.touch(id, at);
    };
    let (first, _) = table.insert(flow(Transport::Udp, 1, 0));
    let (second, _) = table.insert(flow(Transport::Udp, 2, 0));
    see(&mut table, first, millis(900));
    see(&mut table, second, millis(100));
    // Comes while the others are silent, and would have let them wait for itself.
    table.insert(flow(Transport::Udp, 3, 29));
    assert_eq!(table.next_expiry(), Some(millis(30_900)));
    assert!(table.pop_expired(millis(30_899)).is_none(), "the second waits, less than a second");
    assert_eq!(table.pop_expired(millis(30_900)).unwrap().ends()[0].port, 1);
    assert_eq!(table.pop_expired(millis(30_900)).unwrap().ends()[0].port, 2);
    assert!(table.pop_expired(millis(58_999)).is_none());
    assert_eq!(table.pop_expired(millis(59_000)).unwrap().ends()[0].port, 3);
}

#[test]
fn a_full_table_gives_up_what_matters_least() {
    let mut table = FlowTable::new(4, None);
    let mut holding = flow(Transport::Udp, 1, 0);
    holding.stakes = Stakes::new(&[], &[7]);
    table.insert(holding);
    table.insert(flow(Transport::Tcp, 2, 0));
    table.insert(flow(Transport::Udp, 3, 1));
    table.insert(flow(Transport::Udp, 4, 2));
    let order: Vec<u16> = (5..10)
        .filter_map(|port| table.insert(flow(Transport::Tcp, port, 3)).1)
        .map(|gone| gone.ends()[0].port)
        .collect();
    assert_eq!(order, [3, 4, 2, 5, 6], "datagrams, then connections; what holds an element stays");
    assert_eq!(table.len(), 4);
}

#[test]
fn the_table_agrees_with_a_plain_map() {
    let mut table = FlowTable::new(64, None);
    let mut model = std::collections::BTreeMap::new();
    let mut state = 7u32;
    for step in 0..20_000u64 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let port = (state >> 16) as u16 % 60 + 1;
        let new = flow(Transport::Udp, port, step);
        match (table.find(&new.key.whole()), state >> 30) {
            (Some(id), 0) => {
                assert_eq!(table.remove(id).unwrap().first_seen, model.remove(&port).unwrap());
            }
            (Some(id), _) => {
                assert_eq!(table.get(id).unwrap().first_seen, model[&port]);
                table.touch(id, Timestamp::from_micros(step));
            }
            (None, _) => {
                assert!(!model.contains_key(&port));
                model.insert(port, new.first_seen);
                assert!(table.insert(new).1.is_none());
            }
        }
        assert_eq!(table.len(), model.len());
    }
    assert_eq!(table.iter().count(), model.len());
}

#[test]
fn a_glance_finds_the_flow_that_is_there_now() {
    let (ours, theirs) = (0x0a00_0001_u64, 0xc000_0201_u64);
    let there = |port: u16| Glance {
        addrs: Addrs::V4(ours << 32 | theirs),
        ports: u32::from(port) << 16 | 443,
        transport: 17,
        ip_len: 40,
    };
    let back = |port: u16| Glance {
        addrs: Addrs::V4(theirs << 32 | ours),
        ports: 443 << 16 | u32::from(port),
        ..there(port)
    };
    let mut table = FlowTable::new(8, None);
    let see = |table: &mut FlowTable, glance: Glance| {
        let again = table.see_again(&glance, Timestamp::ZERO);
        let seen = table.see(&glance);
        assert!(again.is_none() || again == seen, "{again:?} {seen:?}");
        let (place, sender) = seen?;
        let flow = table.seen(place)?;
        // What was seen is known at once from now on.
        let (port, began) = (flow.ends()[0].port, sender == flow.originator);
        assert_eq!(table.see_again(&glance, Timestamp::ZERO), seen);
        Some((port, began))
    };
    let (first, _) = table.insert(flow(Transport::Udp, 1, 0));
    for _ in 0..3 {
        assert_eq!(see(&mut table, there(1)), Some((1, true)));
        assert_eq!(see(&mut table, back(1)), Some((1, false)));
        assert_eq!(see(&mut table, there(2)), None);
    }
    assert_eq!(see(&mut table, Glance { transport: 6, ..there(1) }), None);
    assert_eq!(
        see(&mut table, Glance { addrs: Addrs::V6([[ours, 0], [theirs, 0]]), ..there(1) }),
        None
    );
    table.remove(first);
    assert_eq!(see(&mut table, there(1)), None, "it has gone");
    table.insert(flow(Transport::Udp, 2, 0));
    assert_eq!(see(&mut table, there(1)), None, "another one has its place");
    assert_eq!(see(&mut table, there(2)), Some((2, true)));
    table.insert(flow(Transport::Udp, 1, 0));
    assert_eq!(see(&mut table, back(1)), Some((1, false)));
}

/// What strangers' collisions would need to know, and why twins that agree say something.
#[test]
fn every_table_has_a_hash_key_of_its_own() {
    let key = flow(Transport::Udp, 1, 0).key.whole();
    let hashes: std::collections::BTreeSet<u64> =
        (0..20).map(|_| FlowTable::new(10, None).hasher.hash_one(key)).collect();
    assert!(hashes.len() > 15, "{} of 20 differ", hashes.len());
}
