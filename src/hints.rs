//! Names that DNS answers taught: (client, address) -> the name the client asked for.
//!
//! Bounded. When full, the hint taught longest ago goes; a repeated answer counts as taught anew.
//!
//! Memory: an entry has 96 bytes (72 on 32-bit machines) and its bucket 4, and the name about 32
//! with the allocator's share: 4096 hints cost up to 540 kB (430 kB), and nothing before they come.

use std::net::IpAddr;
use std::time::Duration;

use crate::aged::{Aged, Counters};
use crate::time::Timestamp;

/// Hints kept unless told otherwise: a busy household asks for about 2000 names in an hour.
pub const HINTS_MAX_DEFAULT: u32 = 4096;
/// Stub resolvers and browsers keep even an answer with a TTL of 0 for a minute.
const TTL_MIN: Duration = Duration::from_secs(60);
/// Longer than this an address of a CDN is likely somebody else's.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Connections open late: a pool or a retry uses an answer shortly after its end.
const GRACE: Duration = Duration::from_secs(30);

/// The cache.
#[derive(Debug)]
pub struct Hints(Aged<(IpAddr, IpAddr), Box<str>>);

impl Default for Hints {
    fn default() -> Self {
        Hints::new(HINTS_MAX_DEFAULT)
    }
}

impl Hints {
    /// An empty cache of at most `max` hints (at least one).
    pub fn new(max: u32) -> Self {
        Hints(Aged::new(max))
    }

    /// How many hints are kept, expired ones among them.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is kept.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has happened since the start.
    pub const fn counters(&self) -> Counters {
        self.0.counters()
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
        match self.0.renew(&(client, addr), until) {
            Some(kept) if **kept == *name => {}
            Some(kept) => *kept = name.into(),
            None => self.0.insert((client, addr), name.into(), until, now),
        }
    }

    /// The name `client` asked for when it was given `addr`, if that still holds.
    pub fn lookup(&self, client: IpAddr, addr: IpAddr, now: Timestamp) -> Option<&str> {
        self.0.get(&(client, addr), now).map(|name| &**name)
    }

    /// Gives back the room of hints that have expired, oldest first, up to the first that holds.
    pub fn expire(&mut self, now: Timestamp) {
        self.0.expire(now);
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_size_in_the_first_comment_is_true() {
        const { assert!(Aged::<(IpAddr, IpAddr), Box<str>>::ENTRY_BYTES <= 96) };
    }
}
