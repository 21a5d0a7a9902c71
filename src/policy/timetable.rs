//! Which actions are in force, and until when: the schedules of a policy at a moment.

use super::Policy;
use crate::zone::Zone;

/// The actions in force in a span of time in which no schedule changes.
#[derive(Debug, Default)]
pub struct Timetable {
    /// For each action of the policy, in order.
    active: Box<[bool]>,
    /// Unix seconds: the first of the span, and the first behind it.
    from: i64,
    until: Option<i64>,
    /// Some action has a schedule, so that the span has a beginning.
    scheduled: bool,
}

impl Timetable {
    /// What holds at a Unix time, in the given zone.
    pub fn new(policy: &Policy, zone: &Zone, unix_seconds: i64) -> Self {
        let schedules = || policy.actions.iter().map(|action| action.schedule.as_ref());
        let state = |schedule: Option<&super::Schedule>| {
            schedule.is_none_or(|schedule| schedule.is_active(zone, unix_seconds))
        };
        Timetable {
            active: schedules().map(state).collect(),
            from: unix_seconds,
            until: schedules().flatten().filter_map(|s| s.next_change(zone, unix_seconds)).min(),
            scheduled: schedules().flatten().next().is_some(),
        }
    }

    /// Whether it tells about that time: neither the next change has come, nor has the clock been
    /// put back.
    pub fn covers(&self, unix_seconds: i64) -> bool {
        !self.scheduled
            || (self.from <= unix_seconds && self.until.is_none_or(|until| unix_seconds < until))
    }

    /// The Unix time of the next change.
    pub const fn until(&self) -> Option<i64> {
        self.until
    }

    /// Whether the same actions are in force in both.
    pub fn agrees_with(&self, other: &Timetable) -> bool {
        self.active == other.active
    }

    /// Whether the action of that number is in force.
    pub fn is_active(&self, action: usize) -> bool {
        self.active.get(action).copied().unwrap_or(true)
    }
}
