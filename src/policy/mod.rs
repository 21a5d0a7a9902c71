//! What to do about which flow: exemptions and actions, in their order.

mod fields;
mod names;
mod view;

pub use fields::schema;
pub use names::{Vocabularies, protocols};
pub use view::View;

use crate::criteria::Criteria;
use crate::interface::InterfaceFilter;

/// An action of the configuration.
#[derive(Debug)]
pub struct Action {
    /// Its key in the configuration.
    pub name: String,
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
    /// The actions that match a flow, in order, with their numbers.
    pub fn matches<'p>(&'p self, view: &'p View<'_>) -> impl Iterator<Item = (usize, &'p Action)> {
        let exempt = self.exemptions.iter().any(|criteria| criteria.matches(view));
        let actions: &[Action] = if exempt { &[] } else { &self.actions };
        let mut halted = false;
        actions.iter().enumerate().filter(move |(_, action)| {
            let matched = !halted && action.holds(view);
            halted |= matched && action.halt_on_match;
            matched
        })
    }
}

impl Action {
    /// Interface, exemptions, criteria: in the order of their cost.
    fn holds(&self, view: &View<'_>) -> bool {
        self.interface.holds(view.interface)
            && !self.exemptions.iter().any(|criteria| criteria.matches(view))
            && self.criteria.matches(view)
    }
}
