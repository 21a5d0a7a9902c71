//! Tests of the flow table.

use super::*;
use crate::flow::Locality;
use crate::flow::tests::packet;

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
    holding.held.push(7);
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
        match (table.find(&new.key), state >> 30) {
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
    let (ours, theirs) = ([0x0a00_0001, 0], [0xc000_0201, 0]);
    let there = |port: u16| Glance {
        source: ours,
        destination: theirs,
        source_port: port,
        destination_port: 443,
        transport: 17,
        v4: true,
        ip_len: 40,
    };
    let back = |port: u16| Glance {
        source: theirs,
        destination: ours,
        source_port: 443,
        destination_port: port,
        ..there(port)
    };
    let mut table = FlowTable::new(8, None);
    let port_of = |seen: Option<(&mut Flow, Sender)>| {
        seen.map(|(flow, sender)| (flow.ends()[0].port, sender == flow.originator))
    };
    let now = Timestamp::ZERO;
    let (first, _) = table.insert(flow(Transport::Udp, 1, 0));
    for _ in 0..3 {
        assert_eq!(port_of(table.see(there(1), now)), Some((1, true)));
        assert_eq!(port_of(table.see(back(1), now)), Some((1, false)));
        assert_eq!(port_of(table.see(there(2), now)), None);
    }
    assert_eq!(port_of(table.see(Glance { transport: 6, ..there(1) }, now)), None);
    assert_eq!(port_of(table.see(Glance { v4: false, ..there(1) }, now)), None);
    table.remove(first);
    assert_eq!(port_of(table.see(there(1), now)), None, "it has gone");
    table.insert(flow(Transport::Udp, 2, 0));
    assert_eq!(port_of(table.see(there(1), now)), None, "another one has its place");
    assert_eq!(port_of(table.see(there(2), now)), Some((2, true)));
    table.insert(flow(Transport::Udp, 1, 0));
    assert_eq!(port_of(table.see(back(1), now)), Some((1, false)));
}
