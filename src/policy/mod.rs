//! What to do about which flow: exemptions and actions, in their order.

mod fields;
mod names;
mod schedule;
mod timetable;
mod view;

pub use fields::schema;
pub use names::{Vocabularies, protocols};
pub use schedule::{DAYS, Inside, Schedule, Window};
pub use timetable::Timetable;
pub use view::View;

use crate::criteria::Criteria;
use crate::interface::InterfaceFilter;

/// An action of the configuration.
#[derive(Debug)]
pub struct Action {
    /// Its key in the configuration.
    pub name: String,
    /// When it is in force; `None`: always.
    pub schedule: Option<Schedule>,
    /// Flows of these interfaces only.
    pub interface: InterfaceFilter,
    /// Which flows it is about.
    pub criteria: Criteria,
    /// What keeps a flow out of this action.
    pub exemptions: Vec<Criteria>,
    /// Numbers of the targets it fires.
    pub targets: Vec<usize>,
    /// If it matches, no later action is evaluated.
    pub halt_on_match: bool,
}

/// All actions in their order, and what keeps a flow out of all of them.
#[derive(Debug, Default)]
pub struct Policy {
    /// Tested before anything else.
    pub exemptions: Vec<Criteria>,
    /// In the order they are evaluated.
    pub actions: Vec<Action>,
}

impl Policy {
    /// The actions that match a flow while the timetable of this policy holds, in order, with
    /// their numbers. In the order of their cost are asked: schedule, interface, exemptions of
    /// all actions, exemptions of the action, criteria.
    pub fn matches<'p>(
        &'p self,
        view: &'p View<'_>,
        timetable: &'p Timetable,
    ) -> impl Iterator<Item = (usize, &'p Action)> {
        let mut exempt = None;
        let mut is_exempt = move || {
            let find = || self.exemptions.iter().any(|criteria| criteria.matches(view));
            *exempt.get_or_insert_with(find)
        };
        let mut halted = false;
        self.actions.iter().enumerate().filter(move |(number, action)| {
            let matched = !halted
                && timetable.is_active(*number)
                && action.interface.holds(view.interface)
                && !is_exempt()
                && action.holds(view);
            halted |= matched && action.halt_on_match;
            matched
        })
    }
}

impl Action {
    fn holds(&self, view: &View<'_>) -> bool {
        !self.exemptions.iter().any(|criteria| criteria.matches(view))
            && self.criteria.matches(view)
    }
}
