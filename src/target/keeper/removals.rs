//! Members that were to go when a change was lost on the way: they are taken out again, since no look
//! at a set tells them from what others put there.

use std::collections::HashSet;

use foldhash::quality::RandomState;

use super::leftovers::{Leftover, MEMBERS_MAX};
use super::{Keeper, State};
use crate::effect::{Effect, Live, SetId};
use crate::target::set::Sets;
use crate::time::Timestamp;

impl Keeper {
    /// Keeps in mind what `effects` took out of sets of which a change was lost.
    pub(super) fn note_removals(&mut self, sets: &Sets, effects: &[Effect]) {
        if self.doubted.is_empty() {
            return;
        }
        for effect in effects {
            let Effect::Remove { set, element, .. } = effect else { continue };
            let spec = sets.get(*set).filter(|_| self.doubted.contains(set));
            let member = spec.and_then(|spec| Leftover::of(spec, element));
            if let Some(member) = member.filter(|_| self.removals.len() < MEMBERS_MAX) {
                self.removals.push((*set, member));
            }
        }
    }

    /// Takes it out, unless a flow wants it again by now; what is lost again is tried again.
    pub(super) fn remove_again<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>>,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        if self.removals.is_empty() {
            return;
        }
        let member = |live: Live<'_>| {
            let spec = sets.get(live.set)?;
            Some((live.set, Leftover::of(spec, live.element)?))
        };
        let wanted: HashSet<(SetId, Leftover), RandomState> = elements.filter_map(member).collect();
        let mut removals = std::mem::take(&mut self.removals);
        removals.retain(|removal| !wanted.contains(removal));
        for (id, member) in &removals {
            let Some(spec) = sets.get(*id) else { continue };
            let Some(State::Ready(_)) = self.states.get(id) else { continue };
            self.batch.set_tag(id.0.into());
            if let Err(error) = member.delete(&mut self.batch, spec) {
                self.failures.note(id.0.into(), &error, now, tell);
            }
        }
        self.commit(now, tell);
        removals.retain(|(id, _)| self.doubted.contains(id));
        self.removals = removals;
    }
}
