//! Time as a value: the engine is told what time it is and never asks.

use std::fmt;
use std::time::Duration;

/// Microseconds since an origin the source chose: the Unix epoch in a capture file, boot in the
/// daemon (a clock that never steps). Only differences mean anything to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin itself.
    pub const ZERO: Timestamp = Timestamp(0);

    /// A time that many microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros)
    }

    /// A time from the seconds and microseconds of a capture header; what is negative is the origin.
    pub fn from_parts(seconds: i64, micros: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let micros = u64::try_from(micros).unwrap_or(0);
        Timestamp(seconds.saturating_mul(1_000_000).saturating_add(micros))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Whole seconds since the origin.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero if it lies ahead (captures may step back).
    #[inline(never)] // in its callers the division of 64 bits is 130 bytes each time, on MIPS
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The time `by` later, or the end of time.
    #[inline(never)] // as above
    pub fn after(self, by: Duration) -> Self {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.as_secs(), self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_go_below_zero() {
        let (early, late) = (Timestamp::from_parts(10, 5), Timestamp::from_parts(12, 0));
        assert_eq!(late.since(early), Duration::from_micros(1_999_995));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_parts(-1, -1), Timestamp::ZERO);
        assert_eq!(early.after(Duration::MAX).as_micros(), u64::MAX);
    }
}
