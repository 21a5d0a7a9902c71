//! What all live flows go through at once, because what is wanted of them has changed.

use std::sync::Arc;

use super::{Engine, Output, frames};
use crate::app::Catalogue;
use crate::config::Config;
use crate::flow::{FlowId, Stage};
use crate::interface::Interface;
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

    /// Takes another configuration. What both want stays untouched; what only the old one wanted
    /// is released once every live flow was evaluated again.
    pub fn reload(
        &mut self,
        config: Config,
        catalogue: Arc<Catalogue>,
        interfaces: Vec<Interface>,
        out: &mut Output,
    ) {
        self.catalogue = catalogue;
        let old = std::mem::replace(&mut self.interfaces, interfaces);
        let renumbered = |number: u8| {
            let name = old.get(usize::from(number)).map(|interface| &interface.name);
            let same = self.interfaces.iter().position(|new| Some(&new.name) == name);
            same.and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::MAX)
        };
        let ids = self.by_age();
        for id in &ids {
            if let Some(flow) = self.table.get_mut(*id) {
                flow.interface = renumbered(flow.interface);
            }
        }
        self.adopt(config);
        if self.needs_packets() {
            let flows =
                ids.iter().filter_map(|id| self.table.get_mut(*id).and_then(frames::reclaim));
            out.frames.extend(flows);
        }
        for id in ids {
            // Numbers of applications belong to their catalogue, those of categories to the lists.
            self.reclassify(id);
            if !self.config.reprocess_flows {
                self.release_unwanted(id, out);
            } else if self.is_named(id) {
                self.evaluate(id, out);
            }
            self.table.relist(id);
        }
        self.elements.forget_sets(&self.set_ids, &mut out.effects);
    }

    /// Lets go of what a flow holds of sets that the configuration no longer has.
    fn release_unwanted(&mut self, id: FlowId, out: &mut Output) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let elements = &mut self.elements;
        let unwanted = flow.held.extract_if(.., |number| !elements.is_of(*number, &self.set_ids));
        for number in unwanted.collect::<Vec<u32>>() {
            elements.release(self.now, number, &mut out.effects);
        }
    }

    /// Whether the flow has been evaluated. One without a name is when it gets one, and not before:
    /// what it turns out to be may be exempt.
    fn is_named(&self, id: FlowId) -> bool {
        self.table.get(id).is_some_and(|flow| flow.detection.stage != Stage::Undecided)
    }

    /// Evaluates every live flow again but those without a name.
    pub(super) fn evaluate_named(&mut self, out: &mut Output) {
        for id in self.by_age() {
            if self.is_named(id) {
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
