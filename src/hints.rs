//! Names that DNS answers taught: (client, address) -> the name the client asked for.
//!
//! Bounded. When full, the hint taught longest ago goes (a repeated answer counts as taught anew):
//! one step, no search. An expired hint is never returned; its room is taken back when it is the
//! oldest, or by [`Hints::expire`].
//!
//! Memory: an entry has 96 bytes (72 on 32-bit machines) and its bucket 4, and the name about 32
//! with the allocator's share: 4096 hints cost up to 540 kB (430 kB), and nothing before they come.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::time::Timestamp;

/// Hints kept unless told otherwise: a busy household asks for about 2000 names in an hour.
pub const HINTS_MAX_DEFAULT: u32 = 4096;
/// Stub resolvers and browsers keep even an answer with a TTL of 0 for a minute.
const TTL_MIN: Duration = Duration::from_secs(60);
/// Longer than this an address of a CDN is likely somebody else's.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Connections open late: a pool or a retry uses an answer shortly after its end.
const GRACE: Duration = Duration::from_secs(30);

/// End of a list.
const NONE: u32 = u32::MAX;

/// What has happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Hints that were new.
    pub inserted: u64,
    /// Hints that went for room before their time.
    pub evicted: u64,
    /// Hints that went by age.
    pub expired: u64,
}

#[derive(Debug)]
struct Entry {
    client: IpAddr,
    addr: IpAddr,
    name: Box<str>,
    until: Timestamp,
    /// Next in the same bucket.
    chain: u32,
    /// Taught just before and just after this one.
    older: u32,
    newer: u32,
}

/// The cache.
#[derive(Debug)]
pub struct Hints {
    max: u32,
    hash: RandomState,
    buckets: Vec<u32>,
    /// Slots of removed entries are filled by the last one, so there are no holes.
    entries: Vec<Entry>,
    oldest: u32,
    newest: u32,
    counters: Counters,
}

impl Default for Hints {
    fn default() -> Self {
        Hints::new(HINTS_MAX_DEFAULT)
    }
}

impl Hints {
    /// An empty cache of at most `max` hints (at least one).
    pub fn new(max: u32) -> Self {
        Hints {
            max: max.clamp(1, 1 << 20),
            hash: RandomState::default(),
            buckets: Vec::new(),
            entries: Vec::new(),
            oldest: NONE,
            newest: NONE,
            counters: Counters::default(),
        }
    }

    /// How many hints are kept, expired ones among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What has happened since the start.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// `client` got `addr` as an answer to `name`. The newest name for an address wins.
    pub fn insert(
        &mut self,
        client: IpAddr,
        addr: IpAddr,
        name: &str,
        ttl: Duration,
        now: Timestamp,
    ) {
        let until = now.after(ttl.clamp(TTL_MIN, TTL_MAX).saturating_add(GRACE));
        if let Some(slot) = self.find(client, addr) {
            self.unlink(slot);
            if let Some(entry) = self.entry_mut(slot) {
                entry.until = until;
                if &*entry.name != name {
                    entry.name = name.into();
                }
            }
            self.link_newest(slot);
            return;
        }
        if self.buckets.is_empty() {
            let count = usize::try_from(self.max).unwrap_or(1).next_power_of_two();
            self.buckets = vec![NONE; count];
        }
        self.expire(now);
        if self.entries.len() >= usize::try_from(self.max).unwrap_or(1) {
            self.remove(self.oldest);
            self.counters.evicted = self.counters.evicted.saturating_add(1);
        }
        let Ok(slot) = u32::try_from(self.entries.len()) else { return };
        let bucket = self.bucket(client, addr);
        let chain = self.buckets.get_mut(bucket).map_or(NONE, |head| std::mem::replace(head, slot));
        let (older, newer) = (NONE, NONE);
        self.entries.push(Entry { client, addr, name: name.into(), until, chain, older, newer });
        self.link_newest(slot);
        self.counters.inserted = self.counters.inserted.saturating_add(1);
    }

    /// The name `client` asked for when it was given `addr`, if that still holds.
    pub fn lookup(&self, client: IpAddr, addr: IpAddr, now: Timestamp) -> Option<&str> {
        let entry = self.entry(self.find(client, addr)?)?;
        (entry.until > now).then_some(&*entry.name)
    }

    /// Gives back the room of hints that have expired, oldest first, up to the first that holds.
    pub fn expire(&mut self, now: Timestamp) {
        while self.entry(self.oldest).is_some_and(|entry| entry.until <= now) {
            self.remove(self.oldest);
            self.counters.expired = self.counters.expired.saturating_add(1);
        }
    }

    fn bucket(&self, client: IpAddr, addr: IpAddr) -> usize {
        let mask = u64::try_from(self.buckets.len().saturating_sub(1)).unwrap_or(0);
        usize::try_from(self.hash.hash_one((client, addr)) & mask).unwrap_or(0)
    }

    fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(slot).ok()?)
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(slot).ok()?)
    }

    fn find(&self, client: IpAddr, addr: IpAddr) -> Option<u32> {
        let mut slot = *self.buckets.get(self.bucket(client, addr))?;
        while let Some(entry) = self.entry(slot) {
            if (entry.client, entry.addr) == (client, addr) {
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
        let Some(&Entry { client, addr, .. }) = self.entry(from) else { return };
        let bucket = self.bucket(client, addr);
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

    fn remove(&mut self, slot: u32) {
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
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | last))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_hint_holds_for_its_client_and_its_time() {
        let mut hints = Hints::new(8);
        hints.insert(ip(1), ip(99), "video.example", secs(300), at(0));
        assert_eq!(hints.lookup(ip(1), ip(99), at(329)), Some("video.example"));
        assert_eq!(hints.lookup(ip(1), ip(99), at(330)), None);
        assert_eq!(hints.lookup(ip(2), ip(99), at(1)), None);
        hints.insert(ip(1), ip(99), "other.example", secs(300), at(200));
        assert_eq!(hints.lookup(ip(1), ip(99), at(500)), Some("other.example"));
        assert_eq!((hints.len(), hints.counters().inserted), (1, 1));
    }

    #[test]
    fn lives_are_clamped() {
        let mut hints = Hints::new(8);
        hints.insert(ip(1), ip(2), "a", secs(0), at(0));
        hints.insert(ip(1), ip(3), "b", secs(1_000_000), at(0));
        assert_eq!(hints.lookup(ip(1), ip(2), at(89)), Some("a"));
        assert_eq!(hints.lookup(ip(1), ip(2), at(90)), None);
        assert_eq!(hints.lookup(ip(1), ip(3), at(3629)), Some("b"));
        assert_eq!(hints.lookup(ip(1), ip(3), at(3630)), None);
        hints.expire(at(3630));
        assert_eq!((hints.len(), hints.counters().expired), (0, 2));
    }

    #[test]
    fn when_full_the_one_taught_longest_ago_goes() {
        let mut hints = Hints::new(3);
        for n in 0..3 {
            hints.insert(ip(1), ip(n), "x", secs(600), at(n.into()));
        }
        hints.insert(ip(1), ip(0), "x", secs(600), at(3)); // taught anew
        hints.insert(ip(1), ip(7), "x", secs(600), at(4));
        let held: Vec<bool> =
            [0, 1, 2, 7].map(|n| hints.lookup(ip(1), ip(n), at(5)).is_some()).into();
        assert_eq!(held, [true, false, true, true]);
        assert_eq!(hints.counters(), Counters { inserted: 4, evicted: 1, expired: 0 });
    }

    /// Against a plain map over a long pseudo-random run, the links are checked by walking them.
    #[test]
    fn it_agrees_with_a_plain_map() {
        let (mut hints, mut plain) = (Hints::new(50), HashMap::<(u32, u32), (String, u64)>::new());
        let mut state = 1u64;
        for step in 0..20_000u64 {
            let second = step + step / 500 * 400; // now and then the household sleeps
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (client, addr) = ((state >> 40) as u32 % 4, (state >> 50) as u32 % 40);
            let (ttl, name) = (60 + (state >> 33) % 200, format!("n{second}"));
            hints.insert(ip(client), ip(addr), &name, secs(ttl), at(second));
            plain.insert((client, addr), (name, second + ttl + 30));
            assert!(hints.len() <= 50);
            let (mut walked, mut slot) = (0, hints.oldest);
            while let Some(entry) = hints.entry(slot) {
                assert_eq!(hints.find(entry.client, entry.addr), Some(slot));
                let key =
                    plain.keys().find(|(c, a)| (ip(*c), ip(*a)) == (entry.client, entry.addr));
                let (name, until) = &plain[key.unwrap()];
                assert_eq!((&*entry.name, entry.until), (name.as_str(), at(*until)));
                (walked, slot) = (walked + 1, entry.newer);
            }
            assert_eq!(walked, hints.len());
        }
        let Counters { inserted, evicted, expired } = hints.counters();
        assert_eq!(inserted, evicted + expired + hints.len() as u64);
        assert!(evicted > 0 && expired > 0);
    }

    #[test]
    fn the_size_in_the_first_comment_is_true() {
        assert!(size_of::<Entry>() <= 96);
    }
}
