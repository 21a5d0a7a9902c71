//! The bounded table of live flows. Expiry and eviction look at the ends of lists, never at all.

use std::fmt;
use std::hash::BuildHasher;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::{Flow, FlowKey, KeptKey, Sender};
use crate::net::Transport;
use crate::time::Timestamp;
use crate::wire::{Addrs, Glance};

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
        match (tcp && flow.ending.is_over(), tcp, flow.stakes.held().is_empty()) {
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
const SETTLED_US: u64 = 1_000_000;

/// Whether a flow that came to its place at `linked` may still keep it.
#[inline(always)]
const fn is_settled(linked: Timestamp, now: Timestamp) -> bool {
    // In microseconds: to make a Duration of them takes a division, for each packet.
    now.as_micros().saturating_sub(linked.as_micros()) < SETTLED_US
}

/// Directions of flows that are found without making a key of the packet's ends and looking into
/// the index: one packet is seldom alone. Whoever makes packets that share a place wins nothing but
/// that look, whose hash is secret. One for four flows of a full table, since few are busy at once;
/// 48 kB for a table of the default size, 192 kB at most.
const RECENT_SHARE: usize = 4;
const RECENT_MAX: usize = 8192;

/// A packet's ends as they stand in it, and where its flow was; any may be stale.
#[derive(Debug, Clone, Copy)]
struct Recent {
    ends: [u64; 2],
    id: FlowId,
}

/// In the second number of the ends: the packet's sender is the key's higher end.
const FROM_HIGH: u64 = 1 << 63;

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

const NOBODY: Recent = Recent { ends: [0, 0], id: FlowId { slot: NONE, generation: 0 } };

/// Where the flow of such packets is remembered.
#[inline(always)]
fn place([addrs, rest]: [u64; 2], places: usize) -> usize {
    // By the golden ratio, as Knuth multiplies: the upper bits depend on all there are.
    let mixed = (addrs ^ rest.rotate_left(24)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 48).unwrap_or(0) & places.wrapping_sub(1)
}

/// All live flows.
#[derive(Debug)]
pub struct FlowTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// As many as a power of two.
    recent: Box<[Recent]>,
    /// What was last looked for, and what was found: of a packet that is not one of a decided flow's
    /// the key is looked for twice.
    looked: Option<(FlowKey, Option<FlowId>)>,
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
            recent: vec![NOBODY; (limit / RECENT_SHARE).clamp(1, RECENT_MAX).next_power_of_two()]
                .into(),
            looked: None,
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
        let slot =
            *self.index.find(hash, |slot| key_of(slots, *slot).is_some_and(|kept| kept.is(key)))?;
        Some(FlowId { slot, generation: self.slots.get(slot as usize)?.generation })
    }

    /// The same, if [`FlowTable::see`] may have looked for it just now.
    pub fn find_again(&mut self, key: &FlowKey) -> Option<FlowId> {
        match self.looked.take() {
            // One that was found may have gone meanwhile.
            Some((known, found)) if known == *key => found.filter(|id| self.get(*id).is_some()),
            _ => self.find(key),
        }
    }

    /// The place of the flow of a packet that is seen now and does not change the flow's class, and
    /// who sent it, if one of IPv4 like it was seen lately; else [`FlowTable::see`] is to be asked.
    #[inline(always)]
    pub fn see_again(&self, glance: &Glance, now: Timestamp) -> Option<(u32, Sender)> {
        let Addrs::V4(addrs) = glance.addrs else { return None };
        let rest = glance.rest();
        let recent = self.recent.get(place([addrs, rest], self.recent.len()))?;
        if recent.ends[0] != addrs || recent.ends[1] & !FROM_HIGH != rest {
            return None;
        }
        let slot = self.slots.get(recent.id.slot as usize)?;
        let is_there = slot.generation == recent.id.generation
            && (is_settled(slot.linked, now) || slot.after == NONE);
        let high = recent.ends[1] & FROM_HIGH != 0;
        is_there.then_some((recent.id.slot, if high { Sender::High } else { Sender::Low }))
    }

    /// The flow at such a place.
    #[inline(always)]
    pub fn seen(&mut self, place: u32) -> Option<&mut Flow> {
        self.slots.get_mut(place as usize)?.flow.as_mut()
    }

    /// The same by its key, which makes it one that was seen lately. Once the packet is counted,
    /// [`FlowTable::keep_order`] is to be called.
    pub fn see(&mut self, glance: &Glance) -> Option<(u32, Sender)> {
        let (key, sender) = FlowKey::glanced(glance);
        let found = self.find(&key);
        self.looked = Some((key, found));
        let id = found?;
        if let Addrs::V4(addrs) = glance.addrs {
            let rest = glance.rest();
            let place = place([addrs, rest], self.recent.len());
            let from_high = if sender == Sender::High { FROM_HIGH } else { 0 };
            if let Some(recent) = self.recent.get_mut(place) {
                *recent = Recent { ends: [addrs, rest | from_high], id };
            }
        }
        Some((id.slot, sender))
    }

    /// Moves the flow at such a place, whose class is what it was, to the young end of its list
    /// unless it came there within [`SETTLED_US`].
    pub fn keep_order(&mut self, place: u32, now: Timestamp) {
        let Some(slot) = self.slots.get(place as usize) else { return };
        if slot.after != NONE && !is_settled(slot.linked, now) {
            self.relink(place, slot.class);
        }
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
        // As long as it will be: a vector that grows takes twice that while the table is largest.
        let mut ids = Vec::with_capacity(self.len());
        ids.extend(self.iter().map(|(id, _)| id));
        ids
    }

    /// Puts a flow in whose key is not there; gives what had to go for it.
    pub fn insert(&mut self, flow: Flow) -> (FlowId, Option<Flow>) {
        let evicted = if self.len() >= self.limit { self.evict() } else { None };
        self.looked = None;
        let hash = self.hasher.hash_one(flow.key.whole());
        let class = Class::of(&flow);
        let (mut number, mut generation) = (NONE, 0);
        if let Some(free) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(free as usize)
        {
            (slot.flow, slot.class) = (Some(flow), class);
            (number, generation) = (free, slot.generation);
        } else {
            number = u32::try_from(self.slots.len()).unwrap_or(number);
            let (flow, linked) = (Some(flow), Timestamp::ZERO);
            self.slots.push(Slot { flow, generation, class, before: NONE, after: NONE, linked });
        }
        self.link(number, class);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, number, |slot| {
            key_of(slots, *slot).map_or(0, |key| hasher.hash_one(key.whole()))
        });
        (FlowId { slot: number, generation }, evicted)
    }

    /// Moves a flow to the young end of the list it belongs to now, unless it came there within
    /// [`SETTLED_US`].
    pub fn touch(&mut self, id: FlowId, now: Timestamp) {
        let Some(slot) = self.slots.get(id.slot as usize) else { return };
        let Some(flow) = slot.flow.as_ref().filter(|_| slot.generation == id.generation) else {
            return;
        };
        let class = Class::of(flow);
        if slot.class == class && (is_settled(slot.linked, now) || slot.after == NONE) {
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

    /// All flows are going to be taken out, by [`FlowTable::remove`]: none is found by its key from
    /// now on, so that nothing has to be done for that one by one.
    pub fn close(&mut self) {
        self.looked = None;
        self.index.clear();
    }

    /// Takes a flow out.
    pub fn remove(&mut self, id: FlowId) -> Option<Flow> {
        let key = &self.get(id)?.key;
        if !self.index.is_empty() {
            let hash = self.hasher.hash_one(key.whole());
            if let Ok(entry) = self.index.find_entry(hash, |slot| *slot == id.slot) {
                entry.remove();
            }
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
            // Told as a sum: at the end of time, where sums saturate, a difference would never agree
            // with `next_expiry`. One that was seen since it came to its place, at most [`SETTLED_US`]
            // later, lets those behind it wait that long: put at the young end, it would itself wait
            // for all that came there meanwhile.
            if let Some((id, flow)) = self.oldest(class)
                && flow.last_seen.after(timeout) <= now
            {
                return self.remove(id);
            }
        }
        None
    }

    /// When to look for flows that have expired: when the next does if nothing is seen of it.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let timeouts = self.timeouts?;
        CLASSES
            .iter()
            .filter_map(|class| {
                let (_, flow) = self.oldest(*class)?;
                Some(flow.last_seen.after(class.timeout(&timeouts)))
            })
            .min()
    }

    fn oldest(&self, class: Class) -> Option<(FlowId, &Flow)> {
        let number = self.lists.get(class as usize)?.first;
        let slot = self.slots.get(number as usize)?;
        let id = FlowId { slot: number, generation: slot.generation };
        slot.flow.as_ref().map(|flow| (id, flow))
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

fn key_of(slots: &[Slot], number: u32) -> Option<&KeptKey> {
    slots.get(number as usize)?.flow.as_ref().map(|flow| &flow.key)
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;
