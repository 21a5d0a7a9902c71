//! A bounded map whose entries expire; when full, the entry taught longest ago goes.
//!
//! Teaching, look-up, eviction and expiry are one step each, without a search. An expired entry is
//! never returned; its room is taken back when it is the oldest, or by [`Aged::expire`]. The hash
//! is keyed by chance, so that nobody can aim at one bucket.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use crate::time::Timestamp;

/// Most entries any map is made for.
const ENTRIES_MOST: u32 = 1 << 20;

/// End of a list.
const NONE: u32 = u32::MAX;

/// What has happened since the start. 32 bits each: they wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries that were new.
    pub inserted: u32,
    /// Entries that went for room before their time.
    pub evicted: u32,
    /// Entries that went by age.
    pub expired: u32,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    until: Timestamp,
    /// Next in the same bucket.
    chain: u32,
    /// Taught just before and just after this one.
    older: u32,
    newer: u32,
}

/// The map.
#[derive(Debug)]
pub struct Aged<K, V> {
    max: u32,
    hash: RandomState,
    buckets: Vec<u32>,
    /// Slots of removed entries are filled by the last one, so there are no holes.
    entries: Vec<Entry<K, V>>,
    oldest: u32,
    newest: u32,
    counters: Counters,
}

impl<K: Hash + Eq, V> Aged<K, V> {
    /// Memory of one entry, beside the 4 to 8 bytes of its bucket.
    pub const ENTRY_BYTES: usize = size_of::<Entry<K, V>>();

    /// An empty map of at most `max` entries (at least one).
    pub fn new(max: u32) -> Self {
        Aged {
            max: max.clamp(1, ENTRIES_MOST),
            hash: RandomState::default(),
            buckets: Vec::new(),
            entries: Vec::new(),
            oldest: NONE,
            newest: NONE,
            counters: Counters::default(),
        }
    }

    /// How many entries are kept, expired ones among them.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is kept.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What has happened since the start.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What is kept under `key`, if it still holds.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        if self.is_empty() {
            return None; // without a hash
        }
        let entry = self.entry(self.find(key)?)?;
        (entry.until > now).then_some(&entry.value)
    }

    /// `key` is taught anew: it is the youngest now and holds until then. Gives its value to
    /// change; `None` if nothing, not even what has expired, is kept under it.
    pub fn renew(&mut self, key: &K, until: Timestamp) -> Option<&mut V> {
        let slot = self.find(key)?;
        self.unlink(slot);
        self.link_newest(slot);
        let entry = self.entry_mut(slot)?;
        entry.until = until;
        Some(&mut entry.value)
    }

    /// Keeps `value` under a key that [`Aged::renew`] did not find.
    pub fn insert(&mut self, key: K, value: V, until: Timestamp, now: Timestamp) {
        if self.buckets.is_empty() {
            let count = usize::try_from(self.max).unwrap_or(1).next_power_of_two();
            self.buckets = vec![NONE; count];
        }
        self.expire(now);
        if self.entries.len() >= usize::try_from(self.max).unwrap_or(1) {
            self.remove_slot(self.oldest);
            self.counters.evicted = self.counters.evicted.wrapping_add(1);
        }
        let Ok(slot) = u32::try_from(self.entries.len()) else { return };
        let bucket = self.bucket(&key);
        let chain = self.buckets.get_mut(bucket).map_or(NONE, |head| std::mem::replace(head, slot));
        self.entries.push(Entry { key, value, until, chain, older: NONE, newer: NONE });
        self.link_newest(slot);
        self.counters.inserted = self.counters.inserted.wrapping_add(1);
    }

    /// Forgets `key`; gives whether it was kept.
    pub fn remove(&mut self, key: &K) -> bool {
        let found = self.find(key);
        found.inspect(|slot| self.remove_slot(*slot)).is_some()
    }

    /// Gives back the room of what has expired, oldest first, up to the first that holds.
    pub fn expire(&mut self, now: Timestamp) {
        while self.entry(self.oldest).is_some_and(|entry| entry.until <= now) {
            self.remove_slot(self.oldest);
            self.counters.expired = self.counters.expired.wrapping_add(1);
        }
    }

    fn bucket(&self, key: &K) -> usize {
        let mask = u64::try_from(self.buckets.len().saturating_sub(1)).unwrap_or(0);
        usize::try_from(self.hash.hash_one(key) & mask).unwrap_or(0)
    }

    fn entry(&self, slot: u32) -> Option<&Entry<K, V>> {
        self.entries.get(usize::try_from(slot).ok()?)
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<K, V>> {
        self.entries.get_mut(usize::try_from(slot).ok()?)
    }

    fn find(&self, key: &K) -> Option<u32> {
        let mut slot = *self.buckets.get(self.bucket(key))?;
        while let Some(entry) = self.entry(slot) {
            if entry.key == *key {
                return Some(slot);
            }
            slot = entry.chain;
        }
        None
    }

    fn link_newest(&mut self, slot: u32) {
        let before = std::mem::replace(&mut self.newest, slot);
        if let Some(entry) = self.entry_mut(slot) {
            (entry.older, entry.newer) = (before, NONE);
        }
        match self.entry_mut(before) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(&Entry { older, newer, .. }) = self.entry(slot) else { return };
        match self.entry_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    /// Makes whatever in its bucket leads to slot `from` lead to `to`.
    fn rechain(&mut self, from: u32, to: u32) {
        let Some(bucket) = self.entry(from).map(|entry| self.bucket(&entry.key)) else { return };
        let Some(&head) = self.buckets.get(bucket) else { return };
        if head == from {
            if let Some(head) = self.buckets.get_mut(bucket) {
                *head = to;
            }
            return;
        }
        let mut slot = head;
        while let Some(entry) = self.entry_mut(slot) {
            if entry.chain == from {
                entry.chain = to;
                return;
            }
            slot = entry.chain;
        }
    }

    fn remove_slot(&mut self, slot: u32) {
        let (Some(chain), Ok(index)) =
            (self.entry(slot).map(|entry| entry.chain), usize::try_from(slot))
        else {
            return;
        };
        self.unlink(slot);
        self.rechain(slot, chain);
        // The last entry moves into the hole: all that leads to it is told.
        let last = u32::try_from(self.entries.len().saturating_sub(1)).unwrap_or(NONE);
        if last != slot {
            self.rechain(last, slot);
            if let Some(&Entry { older, newer, .. }) = self.entry(last) {
                match self.entry_mut(older) {
                    Some(entry) => entry.newer = slot,
                    None => self.oldest = slot,
                }
                match self.entry_mut(newer) {
                    Some(entry) => entry.older = slot,
                    None => self.newest = slot,
                }
            }
        }
        self.entries.swap_remove(index);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Against a plain map over a long pseudo-random run, the links are checked by walking them.
    #[test]
    fn it_agrees_with_a_plain_map() {
        let (mut aged, mut plain) = (Aged::new(50), HashMap::<u32, (u64, u64)>::new());
        let mut state = 1u64;
        let mut removed = 0;
        for step in 0..20_000u64 {
            let second = step + step / 500 * 400; // now and then the household sleeps
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (key, life) = ((state >> 40) as u32 % 160, 60 + (state >> 33) % 200);
            let until = at(second + life);
            match aged.renew(&key, until) {
                Some(value) => *value = step,
                None => aged.insert(key, step, until, at(second)),
            }
            plain.insert(key, (step, second + life));
            if state >> 60 == 0 {
                let other = (state >> 20) as u32 % 160;
                removed += u32::from(aged.remove(&other));
                plain.remove(&other);
            }
            assert!(aged.len() <= 50);
            let (mut walked, mut slot) = (0, aged.oldest);
            while let Some(entry) = aged.entry(slot) {
                assert_eq!(aged.find(&entry.key), Some(slot));
                let (value, until) = plain[&entry.key];
                assert_eq!((entry.value, entry.until), (value, at(until)));
                (walked, slot) = (walked + 1, entry.newer);
            }
            assert_eq!(walked, aged.len());
        }
        let Counters { inserted, evicted, expired } = aged.counters();
        assert_eq!(inserted as usize, (evicted + expired + removed) as usize + aged.len());
        assert!(evicted > 0 && expired > 0 && removed > 0);
    }

    #[test]
    fn what_has_expired_is_not_returned_and_can_be_renewed() {
        let mut aged = Aged::new(0);
        aged.insert(1, 'a', at(10), at(0));
        assert_eq!((aged.get(&1, at(9)), aged.get(&1, at(10))), (Some(&'a'), None));
        assert_eq!(aged.renew(&2, at(99)), None);
        assert_eq!(aged.renew(&1, at(30)), Some(&mut 'a'));
        assert_eq!(aged.get(&1, at(20)), Some(&'a'));
        aged.insert(2, 'b', at(40), at(20));
        assert_eq!((aged.get(&1, at(20)), aged.len()), (None, 1), "room for one is the least");
    }
}
