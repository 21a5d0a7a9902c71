//! Failures: counted by what failed and why, told once, then summed up every minute.

use std::time::Duration;

use crate::netlink::Error;
use crate::sorted::SortedMap;
use crate::time::Timestamp;

/// How often the errors of one kind that went on are told again.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// How often one thing failed.
#[derive(Debug, Clone, Copy)]
struct Tally {
    count: u32,
    told: u32,
    told_at: Timestamp,
}

/// Failures by subject (a set's number, or what else the caller numbers), operation and error.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    kinds: SortedMap<(u32, String), Tally>,
    /// Of subjects that have gone.
    gone: u32,
}

impl Tallies {
    /// Counts a failure; the first of its kind is told.
    pub fn note(
        &mut self,
        subject: u32,
        error: &Error,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        let kind = format!("{:?} {:?}", error.operation, error.code());
        match self.kinds.get_mut(&(subject, kind.clone())) {
            Some(tally) => tally.count = tally.count.wrapping_add(1),
            None => {
                tell(error.to_string());
                self.kinds.insert((subject, kind), Tally { count: 1, told: 1, told_at: now });
            }
        }
    }

    /// What failed of one subject, in words, and how often.
    pub fn of(&self, subject: u32) -> impl Iterator<Item = (&str, u32)> {
        let kinds = self.kinds.from(&(subject, String::new()));
        let own = kinds.take_while(move |((of, _), _)| *of == subject);
        own.map(|((_, error), tally)| (error.as_str(), tally.count))
    }

    /// Tells how often errors that were told once have gone on.
    pub fn summarize(&mut self, now: Timestamp, mut tell: impl FnMut(String)) {
        for ((_, error), tally) in self.kinds.iter_mut() {
            let more = tally.count.wrapping_sub(tally.told);
            if more > 0 && now.since(tally.told_at) >= SUMMARY_INTERVAL {
                tell(format!("{more} more failures like: {error}"));
                (tally.told, tally.told_at) = (tally.count, now);
            }
        }
    }

    /// The subject has gone, and its number may be another's.
    pub fn forget(&mut self, subject: u32) {
        self.kinds.retain(|(of, _), tally| {
            if *of == subject {
                self.gone = self.gone.wrapping_add(tally.count);
            }
            *of != subject
        });
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        self.kinds.values().fold(self.gone, |sum, tally| sum.wrapping_add(tally.count))
    }
}
