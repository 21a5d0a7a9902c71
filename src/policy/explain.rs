//! Why the actions of a policy match a flow or do not, for people.

use super::{Action, Obstacle, Policy, Timetable, View, Walk};
use crate::criteria::{self, Criteria};

/// What came of one action.
#[derive(Debug)]
pub struct Explained<'p> {
    /// The action.
    pub action: &'p Action,
    /// Why it does not match; `None` if it does.
    pub obstacle: Option<Obstacle>,
    /// The expression that decided (criteria or an exemption), if one was read at all.
    pub decided_by: Option<Decisive<'p>>,
}

/// An expression and what came of it.
#[derive(Debug)]
pub struct Decisive<'p> {
    /// The expression.
    pub criteria: &'p Criteria,
    /// Its tests.
    pub explanation: criteria::Explanation,
}

impl Policy {
    /// As [`Policy::matches`], telling of every action what came of it and why.
    pub fn explain<'p>(&'p self, view: &View<'_>, timetable: &'p Timetable) -> Vec<Explained<'p>> {
        let mut walk = Walk::new(self, timetable);
        let explained = self.actions.iter().enumerate().map(|(number, action)| {
            let obstacle = walk.obstacle(number, action, view);
            let criteria = match obstacle {
                None | Some(Obstacle::Criteria) => Some(&action.criteria),
                Some(Obstacle::Exempt(number)) => self.exemptions.get(number),
                Some(Obstacle::OwnExemption(number)) => action.exemptions.get(number),
                Some(
                    Obstacle::Disabled
                    | Obstacle::Halted(_)
                    | Obstacle::Schedule
                    | Obstacle::Interface,
                ) => None,
            };
            let decided_by =
                criteria.map(|criteria| Decisive { criteria, explanation: criteria.explain(view) });
            Explained { action, obstacle, decided_by }
        });
        explained.collect()
    }
}
