//! The clock of the wall, as far as it is from the engine's own, and what schedules make of it.

use super::{Engine, Output};
use crate::config::Config;
use crate::policy::Timetable;
use crate::time::Timestamp;

/// What two readings of two clocks may differ by without either having been set. Below it the
/// clock is kept, so that a window that has just opened does not close again for a moment.
const STEP_LEAST_US: u64 = 500_000;

/// Turns the engine's time into Unix time and back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WallClock {
    /// Unix time less the engine's, in microseconds.
    ahead_us: i64,
}

impl WallClock {
    /// At `now` it is that late.
    pub(super) fn set(&mut self, now: Timestamp, unix_micros: i64) {
        let ahead_us = unix_micros.saturating_sub_unsigned(now.as_micros());
        if ahead_us.abs_diff(self.ahead_us) >= STEP_LEAST_US {
            self.ahead_us = ahead_us;
        }
    }

    /// Unix time less the engine's, in microseconds.
    pub(super) const fn ahead_us(self) -> i64 {
        self.ahead_us
    }

    /// Unix seconds at the engine's time.
    pub(super) fn unix_at(self, now: Timestamp) -> i64 {
        self.ahead_us.saturating_add_unsigned(now.as_micros()).div_euclid(1_000_000)
    }

    /// The engine's time at that Unix second; its origin if that was before.
    pub(super) fn time_of(self, unix_seconds: i64) -> Timestamp {
        let micros = unix_seconds.saturating_mul(1_000_000).saturating_sub(self.ahead_us);
        Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

impl Engine {
    /// At `now` it is `unix_micros` microseconds after 1970 on the clock that schedules go by.
    /// Until this is called times of packets are taken to be Unix time, as they are in a capture.
    /// Call it often: a clock that was set is noticed only then. What that means for live flows is
    /// done by the next [`Engine::tick`].
    pub fn set_wall_clock(&mut self, now: Timestamp, unix_micros: i64) {
        self.now = self.now.max(now);
        self.clock.set(now, unix_micros);
        self.turn_page();
    }

    /// The timetable of a new configuration.
    pub(super) fn open_timetable(&mut self) {
        let Config { policy, zone, .. } = &self.config;
        self.timetable = Timetable::new(policy, zone, self.clock.unix_at(self.now));
        self.find_boundary();
    }

    /// Evaluates every live flow again if other actions are in force now.
    pub(super) fn cross_boundary(&mut self, out: &mut Output) {
        self.turn_page();
        if !std::mem::take(&mut self.turned) {
            return;
        }
        self.find_boundary();
        self.evaluate_named(out);
    }

    /// Brings the timetable up to date.
    fn turn_page(&mut self) {
        if !self.timetable.covers(self.clock.unix_at(self.now)) {
            let old = std::mem::take(&mut self.timetable);
            self.open_timetable();
            self.turned |= !self.timetable.agrees_with(&old);
        }
        self.find_boundary();
    }

    fn find_boundary(&mut self) {
        self.boundary = match self.timetable.until() {
            _ if self.turned => Some(self.now),
            until => until.map(|until| self.clock.time_of(until)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn there_and_back_with_small_differences_left_out() {
        let up = |secs| Timestamp::ZERO.after(Duration::from_secs(secs));
        let mut clock = WallClock::default();
        assert_eq!(clock.unix_at(up(5)), 5);
        clock.set(up(100), 1_774_746_000_250_000);
        assert_eq!(clock.unix_at(up(101)), 1_774_746_001);
        let next = clock.time_of(1_774_746_001);
        assert_eq!(next, Timestamp::from_micros(100_750_000));
        clock.set(up(102), 1_774_746_002_000_000);
        assert_eq!(clock.time_of(1_774_746_001), next, "a quarter of a second is no step");
        clock.set(up(103), 86_400_000_000);
        assert_eq!((clock.unix_at(up(3)), clock.unix_at(up(0))), (86_300, 86_297));
        assert_eq!(clock.time_of(0), Timestamp::ZERO);
        for micros in [i64::MIN, i64::MAX] {
            clock.set(up(0), micros);
            clock.unix_at(Timestamp::from_micros(u64::MAX));
            clock.time_of(i64::MAX);
            clock.time_of(i64::MIN);
        }
    }
}
