//! What all live flows go through at once, because what is wanted of them has changed.

use super::{Engine, Output};
use crate::flow::{FlowId, Stage};
use crate::target::Adoptable;
use crate::time::Timestamp;

impl Engine {
    /// Takes the sets that are to be filled because of their names, in place of those it had.
    /// Every live flow is evaluated again: a set that is new is wanted full.
    pub fn adopt_sets(&mut self, sets: Vec<Adoptable>, out: &mut Output) {
        let mut config = std::mem::take(&mut self.config);
        config.adopt(sets, &self.catalogue);
        self.adopt(config);
        self.evaluate_named(out);
        self.elements.forget_sets(&self.set_ids, &mut out.effects);
    }

    /// Evaluates every live flow again. Those without a name are left out: they are evaluated when
    /// they get one.
    pub(super) fn evaluate_named(&mut self, out: &mut Output) {
        for id in self.by_age() {
            if self.table.get(id).is_some_and(|flow| flow.detection.stage != Stage::Undecided) {
                self.evaluate(id, out);
            }
            self.table.relist(id);
        }
    }

    /// All flows, those that were seen longest ago first: the order of the table's lists, which
    /// touching one after the other keeps.
    pub(super) fn by_age(&self) -> Vec<FlowId> {
        let mut flows: Vec<(Timestamp, FlowId)> =
            self.table.iter().map(|(id, flow)| (flow.last_seen, id)).collect();
        flows.sort_by_key(|(last_seen, _)| *last_seen);
        flows.into_iter().map(|(_, id)| id).collect()
    }
}
