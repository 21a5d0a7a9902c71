//! The bounded table of live flows. Expiry and eviction look at the ends of lists, never at all.

use std::fmt;
use std::hash::BuildHasher;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::{Flow, FlowKey};
use crate::net::Transport;
use crate::time::Timestamp;

/// How many flows are kept where nothing else is configured.
pub const FLOWS_MAX_DEFAULT: usize = 8192;

/// How long a flow without packets lives.
#[derive(Debug, Clone, Copy)]
pub struct IdleTimeouts {
    /// An open TCP connection.
    pub tcp: Duration,
    /// UDP and everything else.
    pub other: Duration,
    /// A TCP connection that was closed or reset: late packets still find it.
    pub closing: Duration,
}

impl Default for IdleTimeouts {
    fn default() -> Self {
        IdleTimeouts {
            tcp: Duration::from_secs(300),
            other: Duration::from_secs(30),
            closing: Duration::from_secs(5),
        }
    }
}

/// A place in the table; stale once the flow has gone, even if the place is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    slot: u32,
    generation: u32,
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

impl FromStr for FlowId {
    type Err = ParseIntError;

    /// As it is shown; whether there is such a flow, the table knows.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (slot, generation) = text.split_once('.').unwrap_or((text, ""));
        Ok(FlowId { slot: slot.parse()?, generation: generation.parse()? })
    }
}

/// A list of flows that end by the same rule, least recently seen first. When the table is full
/// the first flow of the first list that has one is evicted: closed connections, then flows that
/// hold no element (datagrams before connections), then those that hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Closing,
    Datagrams,
    Connection,
    HeldDatagrams,
    HeldConnection,
}

const CLASSES: [Class; 5] = [
    Class::Closing,
    Class::Datagrams,
    Class::Connection,
    Class::HeldDatagrams,
    Class::HeldConnection,
];

impl Class {
    fn of(flow: &Flow) -> Self {
        let tcp = flow.key.transport() == Transport::Tcp;
        match (tcp && flow.ending.is_over(), tcp, flow.held.is_empty()) {
            (true, _, _) => Class::Closing,
            (_, false, true) => Class::Datagrams,
            (_, true, true) => Class::Connection,
            (_, false, false) => Class::HeldDatagrams,
            (_, true, false) => Class::HeldConnection,
        }
    }

    const fn timeout(self, timeouts: &IdleTimeouts) -> Duration {
        match self {
            Class::Closing => timeouts.closing,
            Class::Datagrams | Class::HeldDatagrams => timeouts.other,
            Class::Connection | Class::HeldConnection => timeouts.tcp,
        }
    }
}

/// How long a flow keeps its place in its list though packets are seen: moving it for each would
/// cost more than counting them. By so much the order of a list, and with it an eviction or an
/// expiry, may be off.
const SETTLED: Duration = Duration::from_secs(1);

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot {
    flow: Option<Flow>,
    generation: u32,
    class: Class,
    before: u32,
    after: u32,
    /// When it came to its place in the list; never later than the flow was seen.
    linked: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

/// All live flows.
#[derive(Debug)]
pub struct FlowTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    lists: [List; CLASSES.len()],
    limit: usize,
    timeouts: Option<IdleTimeouts>,
}

impl FlowTable {
    /// A table of at most `limit` flows (at least 1); without `timeouts` flows never expire.
    pub fn new(limit: usize, timeouts: Option<IdleTimeouts>) -> Self {
        FlowTable {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            lists: [List { first: NONE, last: NONE }; CLASSES.len()],
            limit: limit.clamp(1, NONE as usize),
            timeouts,
        }
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The most it holds.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The flow of that key.
    pub fn find(&self, key: &FlowKey) -> Option<FlowId> {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let slot = *self.index.find(hash, |slot| key_of(slots, *slot) == Some(key))?;
        Some(FlowId { slot, generation: self.slots.get(slot as usize)?.generation })
    }

    /// The flow of that key, of which a packet is seen now that does not change its class.
    #[inline]
    pub fn see(&mut self, key: &FlowKey, now: Timestamp) -> Option<&mut Flow> {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let number = *self.index.find(hash, |slot| key_of(slots, *slot) == Some(key))?;
        let slot = self.slots.get(number as usize)?;
        if slot.after != NONE && now.since(slot.linked) >= SETTLED {
            self.relink(number, slot.class);
        }
        self.slots.get_mut(number as usize)?.flow.as_mut()
    }

    /// The flow at that place, unless it has gone.
    pub fn get(&self, id: FlowId) -> Option<&Flow> {
        let slot = self.slots.get(id.slot as usize)?;
        if slot.generation == id.generation { slot.flow.as_ref() } else { None }
    }

    /// The flow at that place, to change; call [`FlowTable::touch`] after what may change its class.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation == id.generation { slot.flow.as_mut() } else { None }
    }

    /// Every flow, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &Flow)> {
        self.page(0, usize::MAX)
    }

    /// How many places there are, free ones among them.
    pub const fn places(&self) -> usize {
        self.slots.len()
    }

    /// The flows at `count` places behind the first `skip`.
    pub fn page(&self, skip: usize, count: usize) -> impl Iterator<Item = (FlowId, &Flow)> {
        let first = u32::try_from(skip).unwrap_or(NONE);
        let places = self.slots.iter().skip(skip).take(count).zip(first..);
        places.filter_map(|(slot, number)| {
            let id = FlowId { slot: number, generation: slot.generation };
            slot.flow.as_ref().map(|flow| (id, flow))
        })
    }

    /// The ids of all flows, in no order that means anything.
    pub fn ids(&self) -> Vec<FlowId> {
        self.iter().map(|(id, _)| id).collect()
    }

    /// Puts a flow in whose key is not there; gives what had to go for it.
    pub fn insert(&mut self, flow: Flow) -> (FlowId, Option<Flow>) {
        let evicted = if self.len() >= self.limit { self.evict() } else { None };
        let hash = self.hasher.hash_one(flow.key);
        let class = Class::of(&flow);
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                flow: None,
                generation: 0,
                class,
                before: NONE,
                after: NONE,
                linked: Timestamp::ZERO,
            });
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(NONE)
        });
        let mut generation = 0;
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.flow = Some(flow);
            slot.class = class;
            generation = slot.generation;
        }
        self.link(number, class);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, number, |slot| {
            key_of(slots, *slot).map_or(0, |key| hasher.hash_one(key))
        });
        (FlowId { slot: number, generation }, evicted)
    }

    /// Moves a flow to the young end of the list it belongs to now, unless it came there within
    /// [`SETTLED`].
    pub fn touch(&mut self, id: FlowId, now: Timestamp) {
        let Some(slot) = self.slots.get(id.slot as usize) else { return };
        let Some(flow) = slot.flow.as_ref().filter(|_| slot.generation == id.generation) else {
            return;
        };
        let class = Class::of(flow);
        if slot.class == class && (slot.after == NONE || now.since(slot.linked) < SETTLED) {
            return;
        }
        self.relink(id.slot, class);
    }

    fn relink(&mut self, number: u32, class: Class) {
        self.unlink(number);
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.class = class;
        }
        self.link(number, class);
    }

    /// Moves a flow to the list it belongs to now, if that is another. For what changed without a
    /// packet: within its list it stays where the time of its last packet put it.
    pub fn reclass(&mut self, id: FlowId) {
        let Some(slot) = self.slots.get(id.slot as usize) else { return };
        if slot.generation == id.generation
            && let Some(class) = slot.flow.as_ref().map(Class::of)
            && class != slot.class
        {
            self.relink(id.slot, class);
        }
    }

    /// Moves a flow to the young end of the list it belongs to now. For going through all flows,
    /// the one whose last packet is the oldest first: so every list is in order again.
    pub fn relist(&mut self, id: FlowId) {
        if let Some(class) = self.get(id).map(Class::of) {
            self.relink(id.slot, class);
        }
    }

    /// Takes a flow out.
    pub fn remove(&mut self, id: FlowId) -> Option<Flow> {
        let key = self.get(id)?.key;
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.index.find_entry(hash, |slot| *slot == id.slot) {
            entry.remove();
        }
        self.unlink(id.slot);
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        slot.flow.take()
    }

    /// Takes out one flow whose idle time is over.
    pub fn pop_expired(&mut self, now: Timestamp) -> Option<Flow> {
        let timeouts = self.timeouts?;
        for class in CLASSES {
            let timeout = class.timeout(&timeouts);
            while let Some((id, flow)) = self.oldest(class)
                && self.linked(id.slot).after(timeout) <= now
            {
                // Told as the loop tells it: at the end of time, where sums saturate, a difference
                // would never agree with it.
                if flow.last_seen.after(timeout) <= now {
                    return self.remove(id);
                }
                // Seen since it was linked: its turn comes later.
                self.relink(id.slot, class);
            }
        }
        None
    }

    /// When to look for flows that have expired: when the next does if nothing is seen of it, or at
    /// most [`SETTLED`] before.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let timeouts = self.timeouts?;
        CLASSES
            .iter()
            .filter_map(|class| {
                let (id, _) = self.oldest(*class)?;
                Some(self.linked(id.slot).after(class.timeout(&timeouts)))
            })
            .min()
    }

    fn oldest(&self, class: Class) -> Option<(FlowId, &Flow)> {
        let number = self.lists.get(class as usize)?.first;
        let slot = self.slots.get(number as usize)?;
        let id = FlowId { slot: number, generation: slot.generation };
        slot.flow.as_ref().map(|flow| (id, flow))
    }

    fn linked(&self, number: u32) -> Timestamp {
        self.slots.get(number as usize).map_or(Timestamp::ZERO, |slot| slot.linked)
    }

    fn evict(&mut self) -> Option<Flow> {
        let id = CLASSES.iter().find_map(|class| self.oldest(*class).map(|(id, _)| id))?;
        self.remove(id)
    }

    fn link(&mut self, number: u32, class: Class) {
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        let last = std::mem::replace(&mut list.last, number);
        if last == NONE {
            list.first = number;
        } else if let Some(slot) = self.slots.get_mut(last as usize) {
            slot.after = number;
        }
        if let Some(slot) = self.slots.get_mut(number as usize) {
            (slot.before, slot.after) = (last, NONE);
            slot.linked = slot.flow.as_ref().map_or(Timestamp::ZERO, |flow| flow.last_seen);
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(slot) = self.slots.get(number as usize) else { return };
        let (before, after, class) = (slot.before, slot.after, slot.class);
        let Some(list) = self.lists.get_mut(class as usize) else { return };
        if list.first == number {
            list.first = after;
        }
        if list.last == number {
            list.last = before;
        }
        if let Some(slot) = self.slots.get_mut(before as usize) {
            slot.after = after;
        }
        if let Some(slot) = self.slots.get_mut(after as usize) {
            slot.before = before;
        }
    }
}

fn key_of(slots: &[Slot], number: u32) -> Option<&FlowKey> {
    slots.get(number as usize)?.flow.as_ref().map(|flow| &flow.key)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            order,
            [3, 4, 2, 5, 6],
            "datagrams, then connections; what holds an element stays"
        );
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
}
