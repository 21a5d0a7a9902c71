//! What the fields that actions use ask of the engine while a flow lives.

use super::fields::{Moves, moves, schema};
use super::{Action, Policy};
use crate::criteria::Criteria;

/// What must be followed of live flows; nothing where no action asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// Flows are evaluated again after packets of theirs.
    pub traffic: bool,
    /// TCP segments are counted.
    pub tcp: bool,
    /// Rates are measured.
    pub rate: bool,
    /// Connection tracking is asked once.
    pub connection: bool,
    /// Connection tracking is asked again and again.
    pub mark: bool,
}

impl Upkeep {
    /// Whether anything is followed.
    pub const fn is_some(&self) -> bool {
        self.traffic || self.tcp || self.rate || self.connection || self.mark
    }

    /// Whether every packet of every flow counts.
    pub const fn needs_packets(&self) -> bool {
        self.traffic || self.tcp || self.rate || self.mark
    }

    fn add(&mut self, criteria: &Criteria) {
        for field in criteria.fields() {
            match moves(field) {
                Moves::Settled => {}
                Moves::Traffic => self.traffic = true,
                Moves::Tcp => self.tcp = true,
                Moves::Rate => self.rate = true,
                Moves::Connection => self.connection = true,
                Moves::Mark => self.mark = true,
            }
        }
    }
}

impl Policy {
    /// What its actions and exemptions ask for.
    pub fn upkeep(&self) -> Upkeep {
        let mut upkeep = Upkeep::default();
        let enabled: Vec<&Action> = self.actions.iter().filter(|action| action.enabled).collect();
        if !enabled.is_empty() {
            self.exemptions.iter().for_each(|criteria| upkeep.add(criteria));
        }
        for action in enabled {
            upkeep.add(&action.criteria);
            action.exemptions.iter().for_each(|criteria| upkeep.add(criteria));
        }
        upkeep
    }
}

/// Names of the fields whose value changes while a flow lives, for tests and documentation.
pub fn changing_fields() -> impl Iterator<Item = &'static str> {
    let ids = (0..).map(crate::criteria::FieldId).zip(schema().fields());
    ids.filter(|(id, _)| moves(*id) != Moves::Settled).map(|(_, field)| field.name)
}
