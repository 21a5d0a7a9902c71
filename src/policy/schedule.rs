//! When an action is in force: windows of the week on the clocks of walls (spec section 1.5).

use crate::zone::{Local, Zone};

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes of a week; it begins on Sunday at midnight.
const WEEK: u16 = 7 * DAY;
/// Jumps of the clock that a look ahead passes at most. Zones have two a year, a schedule that
/// ever changes does so within a week.
const JUMPS_MAX: u32 = 16;

/// The days of the week as configurations name them, Sunday first.
pub const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a window says of the time inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// In force, and outside of all such windows not.
    Inclusive,
    /// Not in force, whatever other windows say.
    Exclusive,
}

/// The same part of some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The days it begins on, from Sunday.
    pub days: [bool; 7],
    /// Minute of the day it begins with, 0 to 1439.
    pub start: u16,
    /// Minute of the day before which it ends, 1440 at most. Not after `start`: on the next day,
    /// so that equal ones are 24 hours.
    pub end: u16,
    /// What it says.
    pub inside: Inside,
}

impl Window {
    /// Whether it holds in that minute of the week.
    fn holds(&self, minute: u16) -> bool {
        let length = match self.end.checked_sub(self.start) {
            Some(length) if length > 0 => length,
            _ => self.end.saturating_add(DAY).saturating_sub(self.start),
        };
        let begun = |day: u16| {
            let start = day.saturating_mul(DAY).saturating_add(self.start);
            let since = minute.checked_sub(start);
            since.unwrap_or_else(|| minute.saturating_add(WEEK).saturating_sub(start)) < length
        };
        (0..7).zip(self.days).any(|(day, named)| named && begun(day))
    }
}

/// When an action is in force: inside any inclusive window (or anywhere, if there is none) and
/// inside no exclusive one.
///
/// Windows are about what clocks on walls show. In the hour that spring skips nothing happens: what
/// would begin or end in it does so at once where the clock goes on. In the hour that autumn
/// repeats, what begins or ends in it does so twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The minutes of the week where it changes, in order, and whether it is in force from there
    /// on. Neighbours differ, the last from the first.
    turns: Box<[(u16, bool)]>,
    /// What it is where it never changes.
    always: bool,
}

impl Schedule {
    /// The schedule of some windows; of none, always in force.
    pub fn new(windows: &[Window]) -> Schedule {
        let kind = |inside| windows.iter().filter(move |window| window.inside == inside);
        let holds = |minute| {
            let within = |inside| kind(inside).any(|window| window.holds(minute));
            let free = kind(Inside::Inclusive).next().is_none();
            (free || within(Inside::Inclusive)) && !within(Inside::Exclusive)
        };
        let mut edges: Vec<u16> = windows
            .iter()
            .flat_map(|window| {
                let midnights = (0..7u16).map(|day| day.saturating_mul(DAY));
                midnights.flat_map(|midnight| {
                    [window.start, window.end]
                        .map(|minute| midnight.saturating_add(minute).rem_euclid(WEEK))
                })
            })
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let states: Vec<bool> = edges.iter().map(|minute| holds(*minute)).collect();
        let before = states.iter().cycle().skip(states.len().saturating_sub(1));
        let turns = edges
            .iter()
            .zip(&states)
            .zip(before)
            .filter(|((_, state), before)| state != before)
            .map(|((minute, state), _)| (*minute, *state))
            .collect();
        Schedule { turns, always: holds(0) }
    }

    /// Whether it is in force at a Unix time.
    pub fn is_active(&self, zone: &Zone, unix_seconds: i64) -> bool {
        self.holds(minute_of_week(zone.local_at(unix_seconds)))
    }

    /// The next Unix time at which it begins or ceases to be in force; `None`: never. Where more
    /// jumps of the clock follow each other than any zone has, a time at which it may.
    pub fn next_change(&self, zone: &Zone, unix_seconds: i64) -> Option<i64> {
        let (first, _) = self.turns.first()?;
        let state = self.is_active(zone, unix_seconds);
        let mut at = unix_seconds;
        for _ in 0..JUMPS_MAX {
            let local = zone.local_at(at);
            let minute = minute_of_week(local);
            let next = self.turns.iter().map(|(turn, _)| *turn).find(|turn| *turn > minute);
            let next = next.unwrap_or(first.saturating_add(WEEK));
            let minutes = next.saturating_sub(minute);
            let seconds = i64::from(minutes).saturating_mul(60).saturating_sub(local.second.into());
            let turn = at.checked_add(seconds)?;
            match zone.next_transition(at).filter(|jump| *jump <= turn) {
                None => return Some(turn),
                Some(jump) if self.is_active(zone, jump) != state => return Some(jump),
                Some(jump) => at = jump,
            }
        }
        Some(at)
    }

    fn holds(&self, minute: u16) -> bool {
        let last = self.turns.iter().rev().find(|(turn, _)| *turn <= minute);
        last.or(self.turns.last()).map_or(self.always, |(_, state)| *state)
    }
}

fn minute_of_week(local: Local) -> u16 {
    u16::from(local.weekday).saturating_mul(DAY).saturating_add(local.minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Inside::{Exclusive, Inclusive};

    /// `mon tue 22:00-06:00`, `* 0:00-24:00`.
    fn window(inside: Inside, text: &str) -> Window {
        let (days, times) = text.rsplit_once(' ').unwrap();
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':').unwrap();
            hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
        };
        let (start, end) = times.split_once('-').unwrap();
        let days = DAYS.map(|day| days == "*" || days.split(' ').any(|named| named == day));
        Window { days, start: minute(start), end: minute(end), inside }
    }

    fn schedule(windows: &[(Inside, &str)]) -> Schedule {
        let windows: Vec<Window> =
            windows.iter().map(|(inside, text)| window(*inside, text)).collect();
        Schedule::new(&windows)
    }

    fn zone(text: &str) -> Zone {
        Zone::find(text).unwrap()
    }

    /// A Unix time in UTC of the week that began on Sunday, 4 January 1970.
    fn at(text: &str) -> i64 {
        let (day, time) = text.split_once(' ').unwrap();
        let day = DAYS.iter().position(|named| *named == day).unwrap() as i64;
        let (hour, minute) = time.split_once(':').unwrap();
        ((3 + day) * 24 + hour.parse::<i64>().unwrap()) * 3600 + minute.parse::<i64>().unwrap() * 60
    }

    #[test]
    fn windows_hold_where_the_table_says() {
        let night: &[_] = &[(Inclusive, "sun mon 22:00-06:00")];
        let lunch: &[_] = &[(Inclusive, "mon 08:00-18:00"), (Exclusive, "* 12:00-13:00")];
        let saturday: &[_] = &[(Inclusive, "sat 20:00-04:00")];
        let free: &[_] = &[(Exclusive, "mon 00:00-24:00")];
        let round: &[_] = &[(Inclusive, "mon 08:00-08:00")];
        let shut: &[_] = &[(Inclusive, "* 00:00-24:00"), (Exclusive, "* 06:00-06:00")];
        for (windows, moment, active) in [
            (night, "sun 21:59", false),
            (night, "sun 22:00", true),
            (night, "mon 05:59", true),
            (night, "mon 06:00", false),
            (night, "mon 22:00", true),
            (night, "tue 05:59", true),
            (night, "tue 06:00", false),
            (night, "tue 22:00", false),
            (night, "sun 05:00", false),
            (lunch, "mon 07:59", false),
            (lunch, "mon 11:59", true),
            (lunch, "mon 12:00", false),
            (lunch, "mon 13:00", true),
            (lunch, "mon 18:00", false),
            (lunch, "tue 09:00", false),
            // Over the end of the week.
            (saturday, "sat 23:59", true),
            (saturday, "sun 03:59", true),
            (saturday, "sun 04:00", false),
            // No inclusive window: in force but for the others.
            (free, "sun 23:59", true),
            (free, "mon 00:00", false),
            (free, "mon 23:59", false),
            (free, "tue 00:00", true),
            // Equal times: a whole day.
            (round, "mon 07:59", false),
            (round, "mon 08:00", true),
            (round, "tue 07:59", true),
            (round, "tue 08:00", false),
            (shut, "wed 12:00", false),
            (&[], "wed 12:00", true),
        ] {
            let schedule = schedule(windows);
            let found = schedule.is_active(&Zone::default(), at(moment));
            assert_eq!(found, active, "{windows:?} {moment}");
        }
    }

    #[test]
    fn what_never_changes_has_no_next_change() {
        for (windows, active) in [
            (&[][..], true),
            (&[(Inclusive, "* 00:00-24:00")][..], true),
            (&[(Inclusive, "* 07:00-07:00")], true),
            (
                &[(Inclusive, "sun mon tue 00:00-24:00"), (Inclusive, "wed thu fri sat 0:00-0:00")],
                true,
            ),
            (&[(Exclusive, "* 00:00-24:00")], false),
        ] {
            let schedule = schedule(windows);
            assert_eq!(schedule.next_change(&zone("Europe/Rome"), 0), None, "{windows:?}");
            assert_eq!(schedule.is_active(&zone("Europe/Rome"), 0), active, "{windows:?}");
        }
    }

    /// 29 March 2026 in Rome: 02:00 becomes 03:00 at 01:00 UTC. 25 October: 03:00 becomes 02:00.
    #[test]
    fn skipped_and_repeated_hours() {
        const SPRING: i64 = 1_774_746_000;
        const AUTUMN: i64 = 1_792_890_000;
        let (hour, minute) = (3600, 60);
        for (text, from, changes) in [
            ("* 01:00-04:00", SPRING - 3 * hour, [SPRING - hour, SPRING + hour]),
            ("* 02:30-03:30", SPRING - 3 * hour, [SPRING, SPRING + 30 * minute]),
            ("* 01:30-02:30", SPRING - 3 * hour, [SPRING - 30 * minute, SPRING]),
            // Wholly skipped: nothing until the next day.
            (
                "* 02:10-02:50",
                SPRING - hour,
                [SPRING + 23 * hour + 10 * minute, SPRING + 23 * hour + 50 * minute],
            ),
            ("* 02:15-02:45", AUTUMN - hour, [AUTUMN - 45 * minute, AUTUMN - 15 * minute]),
            ("* 02:15-02:45", AUTUMN - 15 * minute, [AUTUMN + 15 * minute, AUTUMN + 45 * minute]),
            // It begins again where the hour is repeated.
            ("* 02:30-04:00", AUTUMN - hour, [AUTUMN - 30 * minute, AUTUMN]),
            ("* 02:30-04:00", AUTUMN, [AUTUMN + 30 * minute, AUTUMN + 2 * hour]),
            ("* 01:30-04:00", AUTUMN - 2 * hour, [AUTUMN - 90 * minute, AUTUMN + 2 * hour]),
        ] {
            let (schedule, rome) = (schedule(&[(Inclusive, text)]), zone("Europe/Rome"));
            let first = schedule.next_change(&rome, from).unwrap();
            let second = schedule.next_change(&rome, first).unwrap();
            assert_eq!([first - from, second - from], changes.map(|at| at - from), "{text}");
        }
    }

    /// The next change against a walk in steps of a minute, over a year with its jumps.
    #[test]
    fn the_next_change_is_where_a_walk_finds_it() {
        let weekend: &[_] = &[(Inclusive, "sat sun 10:00-23:30"), (Exclusive, "sun 12:00-14:15")];
        let nights: &[_] = &[(Inclusive, "* 22:15-02:45")];
        for name in [
            "Europe/Rome",
            LORD_HOWE,
            "Australia/Sydney",
            "Asia/Kathmandu",
            "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        ] {
            let zone = zone(name);
            for windows in [weekend, nights] {
                let schedule = schedule(windows);
                let (mut at, end) = (1_767_225_600, 1_767_225_600 + 366 * 86_400);
                while at < end {
                    let next = schedule.next_change(&zone, at).unwrap();
                    let state = schedule.is_active(&zone, at);
                    assert!(next > at, "{name} {windows:?} {at}");
                    for walked in (at..next).step_by(60).chain([next - 1]) {
                        assert_eq!(schedule.is_active(&zone, walked), state, "{name} {walked}");
                    }
                    assert_ne!(schedule.is_active(&zone, next), state, "{name} {next}");
                    at = next;
                }
            }
        }
    }

    const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

    #[test]
    fn the_ends_of_time_are_no_danger() {
        let schedule = schedule(&[(Inclusive, "sat 20:00-04:00")]);
        for at in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let next = schedule.next_change(&zone("Europe/Rome"), at);
            assert!(next.is_none_or(|next| next > at));
        }
    }
}
