//! Puts back what others took out of the sets that are kept.

use super::{CONNECTIONS, Keeper, Kept, NO_SET, State, Unfit, add, ipset, is_passing, nft};
use crate::effect::{Live, SetId};
use crate::netlink::{Batch, Error, ipset as kernel_ipset};
use crate::sorted::{SortedMap, SortedSet};
use crate::target::set::{Home, SetSpec, Sets};
use crate::time::Timestamp;

impl Keeper {
    /// Reads what others did to nft sets and puts back at once what they took out.
    pub fn notice<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        self.look_at_nft(sets, elements, now, &mut tell);
    }

    /// Puts every element that ought to be there into the sets that lost some: a set that was
    /// emptied, destroyed or that has appeared since. Meant to be called about once a second.
    pub fn restore<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        let doubted = std::mem::take(&mut self.doubted);
        self.remove_again(sets, elements.clone(), now, &mut tell);
        let tag = |batch: &mut Batch, number| batch.set_tag(CONNECTIONS.saturating_add(number));
        for error in self.connections.push_again(&mut self.batch, tag) {
            self.failures.note(CONNECTIONS, &error, now, &mut tell);
        }
        self.commit(now, &mut tell);
        self.restore_ipset(sets, elements.clone(), now, &mut tell);
        self.clear_leftovers(sets, elements.clone(), now, &mut tell);
        let kept = self.kept(sets, |home| matches!(home, Home::Nft(_)));
        if kept.is_empty() && !self.search.wants_nft() && !self.feeds.is_some() {
            return;
        }
        self.look_at_nft(sets, elements.clone(), now, &mut tell);
        if let Err(error) = self.watch.reconcile(&mut self.client, &kept, now) {
            self.failures.note(NO_SET, &error, now, &mut tell);
        }
        let mut lost = self.watch.take_lost();
        // Not at once: what failed for want of memory is not to be tried as fast as it fails.
        lost.extend(doubted);
        if self.watch.take_changed() {
            let not_ready =
                |id: &&SetId| !matches!(self.states.get(id), Some(State::Ready(_)) | None);
            lost.extend(kept.iter().filter(not_ready).copied());
        }
        self.put_back_nft(sets, &lost, elements, now, &mut tell);
    }

    fn look_at_nft<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        let kept = self.kept(sets, |home| matches!(home, Home::Nft(_)));
        if let Err(error) = self.watch.read(self.client.port(), sets, &kept) {
            self.failures.note(NO_SET, &error, now, tell);
        }
        self.tend_feeds(tell);
        let lost = self.watch.take_lost();
        self.put_back_nft(sets, &lost, elements, now, tell);
    }

    /// Looks at nft sets that may lack something and fills them.
    fn put_back_nft<'e>(
        &mut self,
        sets: &Sets,
        lost: &SortedSet<SetId>,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        for &id in lost {
            // Of an ipset the kernel tells how much is in it, which is compared once a second.
            let spec = sets.get(id).filter(|spec| spec.home != Home::Ipset);
            let Some(spec) = spec else { continue };
            let Some(&before) = self.states.get(&id) else { continue };
            let mut told = None;
            let state = match nft::prepare(&mut self.client, spec) {
                Ok(state) => state,
                Err(Unfit::Failed(error)) if is_passing(&error.cause) => {
                    self.failures.note(id.0.into(), &error, now, tell);
                    self.doubted.insert(id);
                    continue;
                }
                Err(unfit) => {
                    told = Some(unfit.to_string());
                    State::Foreign
                }
            };
            self.states.insert(id, state);
            match (before, state) {
                (before, after) if before == after => {}
                (_, State::Missing) => {
                    tell(format!("{spec} has gone; it is filled once it is back"));
                }
                (_, State::Ready(_)) => tell(format!("{spec} is there now")),
                (_, State::Foreign) => told.into_iter().for_each(&mut *tell),
            }
            if let State::Ready(kept) = state {
                self.put_back(id, spec, kept, elements.clone(), now, tell);
            }
        }
        self.commit(now, tell);
    }

    /// Queues every element of a set, those of an earlier run too; those that are there keep their
    /// clocks (nft) or start anew (ipset).
    fn put_back<'e>(
        &mut self,
        id: SetId,
        spec: &SetSpec,
        kept: Kept,
        elements: impl Iterator<Item = Live<'e>>,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        self.batch.set_tag(id.0.into());
        for live in elements.filter(|live| live.set == id) {
            if let Err(error) = add(&mut self.batch, spec, &live, kept) {
                self.failures.note(id.0.into(), &error, now, tell);
            }
        }
        if let Err(error) = self.inherited.put_back(&mut self.batch, (id, spec), kept, now) {
            self.failures.note(id.0.into(), &error, now, tell);
        }
    }

    fn restore_ipset<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        let ids = self.kept(sets, |home| *home == Home::Ipset);
        if self.lacks.set(&Home::Ipset) || ids.is_empty() {
            self.read_ipsets();
            return;
        }
        let mut wanted: SortedMap<SetId, u32> = SortedMap::new();
        for live in elements.clone() {
            wanted.change(live.set, |count| *count = count.saturating_add(1));
        }
        let headers = match kernel_ipset::headers(&mut self.client) {
            Ok(headers) => {
                self.search.take_ipset(Ok(&headers));
                headers
            }
            Err(error) => {
                self.failures.note(NO_SET, &error, now, tell);
                return;
            }
        };
        for id in ids {
            let Some(spec) = sets.get(id) else { continue };
            let own = wanted.get(&id).copied().unwrap_or(0);
            let inherited = match self.states.get(&id) {
                Some(State::Ready(kept)) => self.inherited.count(id, *kept, now),
                _ => 0, // all is put in once it is ready
            };
            let wanted = own.saturating_add(u32::try_from(inherited).unwrap_or(u32::MAX));
            let header = headers.iter().find(|header| header.name == spec.name);
            if self.has_lost(id, spec, header, wanted, tell)
                && let Some(&State::Ready(kept)) = self.states.get(&id)
            {
                self.put_back(id, spec, kept, elements.clone(), now, tell);
            }
        }
        self.commit(now, tell);
    }

    /// Reads what sets of ipset there are, if somebody wants to know.
    pub(super) fn read_ipsets(&mut self) {
        if self.search.wants_ipset() {
            let headers = kernel_ipset::headers(&mut self.client);
            let read = headers.as_deref().map_err(Error::is_unsupported);
            self.search.take_ipset(read);
        }
    }

    /// Whether an ipset lacks elements now. Makes a managed set that has gone, finds one that came.
    fn has_lost(
        &mut self,
        id: SetId,
        spec: &SetSpec,
        header: Option<&kernel_ipset::Header>,
        wanted: u32,
        tell: &mut dyn FnMut(String),
    ) -> bool {
        let Some(&before) = self.states.get(&id) else { return false };
        let Some(header) = header else {
            if !spec.managed {
                if before != State::Missing {
                    tell(format!("{spec} has gone; it is filled once it is back"));
                }
                self.states.insert(id, State::Missing);
                return false;
            }
            let state = self.prepare_one(id, spec, tell);
            if let State::Ready(_) = state {
                tell(format!("{spec} had gone and was made anew"));
            }
            self.states.insert(id, state);
            return matches!(state, State::Ready(_));
        };
        // Somebody may have made it anew in between, and with another shape.
        let judged = ipset::judge(spec, header);
        let state = *judged.as_ref().unwrap_or(&State::Foreign);
        self.states.insert(id, state);
        match (before, judged) {
            (State::Ready(_), Ok(_)) => {
                // Kernels before 4.9 do not tell the count; there only a set that has gone is noticed.
                let room = header.maxelem.unwrap_or(u32::MAX);
                header.elements.is_some_and(|elements| elements < wanted.min(room))
            }
            (_, Ok(_)) => {
                tell(format!("{spec} is there now"));
                true
            }
            (State::Foreign, Err(_)) => false,
            (_, Err(message)) => {
                tell(message);
                false
            }
        }
    }
}
