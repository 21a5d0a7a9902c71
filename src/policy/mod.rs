//! What to do about which flow: exemptions and actions, in their order.

mod explain;
mod fields;
mod names;
mod risk;
mod schedule;
mod timetable;
mod upkeep;
mod view;

pub use explain::{Decisive, Explained};
pub use fields::schema;
pub use names::{Vocabularies, protocols};
pub use risk::{RISKS, Risk, Score, risks};
pub use schedule::{DAYS, Inside, Schedule, Window};
pub use timetable::Timetable;
pub use upkeep::{Upkeep, changing_fields};
pub use view::View;

use crate::criteria::Criteria;
use crate::interface::InterfaceFilter;

/// An action of the configuration.
#[derive(Debug)]
pub struct Action {
    /// Its key in the configuration.
    pub name: String,
    /// Off: never evaluated.
    pub enabled: bool,
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

/// Why an action does not match a flow: the first check, in their order, that it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It is switched off.
    Disabled,
    /// The earlier action of that number matched, and no later one is evaluated.
    Halted(usize),
    /// Its windows of time are closed.
    Schedule,
    /// It is about other interfaces.
    Interface,
    /// The global exemption of that number holds.
    Exempt(usize),
    /// Its own exemption of that number holds.
    OwnExemption(usize),
    /// Its criteria do not hold.
    Criteria,
}

impl Policy {
    /// Whether criteria or exemptions of an action that is on read the field of that name.
    pub fn reads(&self, field: &str) -> bool {
        let Some((id, _)) = schema().find(field) else { return false };
        let actions = self.actions.iter().filter(|action| action.enabled);
        let own = actions.flat_map(|action| action.exemptions.iter().chain([&action.criteria]));
        own.chain(&self.exemptions).any(|criteria| criteria.fields().contains(&id))
    }

    /// The actions that match a flow while the timetable of this policy holds, in order, with
    /// their numbers.
    pub fn matches<'p>(
        &'p self,
        view: &'p View<'_>,
        timetable: &'p Timetable,
    ) -> impl Iterator<Item = (usize, &'p Action)> {
        let mut walk = Walk::new(self, timetable);
        let actions = self.actions.iter().enumerate();
        actions.filter(move |(number, action)| walk.obstacle(*number, action, view).is_none())
    }
}

/// One way through the actions of a policy. All that evaluates goes this way.
struct Walk<'p> {
    policy: &'p Policy,
    timetable: &'p Timetable,
    /// The global exemption that holds, once one action had to know.
    exempt: Option<Option<usize>>,
    halted: Option<usize>,
}

impl<'p> Walk<'p> {
    const fn new(policy: &'p Policy, timetable: &'p Timetable) -> Self {
        Walk { policy, timetable, exempt: None, halted: None }
    }

    /// What keeps the next action, which has that number, from matching.
    fn obstacle(&mut self, number: usize, action: &Action, view: &View<'_>) -> Option<Obstacle> {
        let obstacle = self.check(number, action, view);
        if obstacle.is_none() && action.halt_on_match {
            self.halted = Some(number);
        }
        obstacle
    }

    /// The checks in their order (spec section 1.3).
    fn check(&mut self, number: usize, action: &Action, view: &View<'_>) -> Option<Obstacle> {
        if !action.enabled {
            return Some(Obstacle::Disabled);
        }
        if let Some(number) = self.halted {
            return Some(Obstacle::Halted(number));
        }
        if !self.timetable.is_active(number) {
            return Some(Obstacle::Schedule);
        }
        if !action.interface.holds(view.interface) {
            return Some(Obstacle::Interface);
        }
        let exempt = self.exempt.get_or_insert_with(|| first(&self.policy.exemptions, view));
        if let Some(number) = *exempt {
            return Some(Obstacle::Exempt(number));
        }
        if let Some(number) = first(&action.exemptions, view) {
            return Some(Obstacle::OwnExemption(number));
        }
        (!action.criteria.matches(view)).then_some(Obstacle::Criteria)
    }
}

/// The first that holds.
fn first(exemptions: &[Criteria], view: &View<'_>) -> Option<usize> {
    exemptions.iter().position(|criteria| criteria.matches(view))
}
