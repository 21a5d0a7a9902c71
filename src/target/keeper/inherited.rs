//! Elements with a clock that an earlier run left in sets: while a flow that was picked up in its middle,
//! so that nobody can tell what it matched, shows that it goes on, its element's clock is wound
//! again. Of the others the kernel's clock takes care. What others take out is put back with what
//! was left on its clock.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::leftovers::{Leftover, MEMBERS_MAX, each_member};
use super::{Keeper, Kept, State};
use crate::effect::{Element, Hit, SetId};
use crate::netlink::ipset::SkbInfo;
use crate::netlink::{Batch, Client, Error};
use crate::sorted::SortedMap;
use crate::target::set::{SetSpec, Sets};
use crate::time::Timestamp;

/// Between two looks at the flows: they go through the whole table.
const INTERVAL_MOST: Duration = Duration::from_secs(5);

/// An element of the earlier run.
#[derive(Debug, Clone, Copy)]
struct Heirloom {
    /// What the kernel's clock said when it was found.
    left: Duration,
    /// When that runs out, and when it was last wound; from the first look on.
    times: Option<(Timestamp, Timestamp)>,
    /// What packets get, which a renewal must say again.
    skb: SkbInfo,
}

impl Heirloom {
    /// How long its clock still runs; none if it has run out or was not looked at yet.
    fn left(&self, now: Timestamp) -> Option<Duration> {
        let (until, _) = self.times.filter(|(until, _)| *until > now)?;
        Some(until.since(now))
    }

    /// What a set that was made so takes of it.
    fn skb(&self, kept: Kept) -> SkbInfo {
        if kept.skbinfo { self.skb } else { SkbInfo::default() }
    }
}

/// All of them, by set. Empty once the clocks of all have run out.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    sets: SortedMap<SetId, HashMap<Leftover, Heirloom, RandomState>>,
    due: Option<Timestamp>,
    /// Elements that were taken out at the start because the configuration wants it; wraps.
    flushed: u32,
}

impl Inherited {
    /// Reads what is in a set that this run has not filled yet; what is to be taken out is counted.
    pub fn find(&mut self, client: &mut Client, id: SetId, spec: &SetSpec) -> Result<(), Error> {
        if spec.flush_on_create {
            let flushed = &mut self.flushed;
            return each_member(client, spec, &mut |_, _, _| *flushed = flushed.wrapping_add(1));
        }
        if spec.timeout.is_none() {
            return Ok(());
        }
        let known: usize = self.sets.values().map(HashMap::len).sum();
        let room = MEMBERS_MAX.saturating_sub(known);
        let mut found = HashMap::default();
        each_member(client, spec, &mut |member, left, skb| {
            if let Some(left) = left.filter(|left| !left.is_zero() && found.len() < room) {
                found.insert(member, Heirloom { left, times: None, skb });
            }
        })?;
        if !found.is_empty() {
            self.sets.insert(id, found);
        }
        Ok(())
    }

    /// A set is kept no more.
    pub fn forget(&mut self, id: SetId) {
        self.sets.remove(&id);
    }

    /// An element is this run's own from now on.
    pub fn claim(&mut self, id: SetId, spec: &SetSpec, element: &Element) {
        if let Some(found) = self.sets.get_mut(&id)
            && let Some(member) = Leftover::of(spec, element)
        {
            found.remove(&member);
        }
    }

    /// Those of a set that ought to be in it, and how long yet. A set without clocks would keep them
    /// for ever: there are none for it.
    fn running(
        &self,
        id: SetId,
        kept: Kept,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Leftover, &Heirloom, Duration)> {
        let of_set = self.sets.get(&id).filter(|_| kept.timeouts).into_iter().flatten();
        of_set.filter_map(move |(member, heirloom)| Some((member, heirloom, heirloom.left(now)?)))
    }

    /// How many of a set ought to be in it.
    pub fn count(&self, id: SetId, kept: Kept, now: Timestamp) -> usize {
        self.running(id, kept, now).count()
    }

    /// Queues those of a set, each with what is left on its clock.
    pub fn put_back(
        &self,
        batch: &mut Batch,
        (id, spec): (SetId, &SetSpec),
        kept: Kept,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.running(id, kept, now).try_for_each(|(member, heirloom, left)| {
            member.add(batch, spec, left, &heirloom.skb(kept))
        })
    }

    /// Elements that were taken out at the start.
    pub const fn flushed(&self) -> u32 {
        self.flushed
    }
}

impl Keeper {
    /// Whether [`Keeper::keep_inherited`] has something to do.
    pub fn has_inherited(&self, now: Timestamp) -> bool {
        !self.inherited.sets.is_empty() && self.inherited.due.is_none_or(|due| due <= now)
    }

    /// Winds the clocks of elements that an earlier run left and whose flows go on. `strangers`: the
    /// flows that may be such, and when each was last seen.
    pub fn keep_inherited<'h>(
        &mut self,
        sets: &Sets,
        strangers: impl Iterator<Item = (Hit<'h>, Timestamp)>,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        let is_first = self.inherited.due.is_none();
        let mut shortest = INTERVAL_MOST;
        for (id, found) in self.inherited.sets.iter_mut() {
            let Some(spec) = sets.get(*id) else { continue };
            // Looked at four times in the life of an element, so that none is missed.
            shortest = shortest.min(spec.timeout.unwrap_or(INTERVAL_MOST) / 4);
            if is_first {
                let count = found.len();
                tell(format!("{spec}: {count} elements of an earlier run, kept while flows go on"));
            }
            for heirloom in found.values_mut() {
                heirloom.times.get_or_insert((now.after(heirloom.left), now));
            }
        }
        self.inherited.due = Some(now.after(shortest));
        let mut inherited = std::mem::take(&mut self.inherited);
        for (hit, last_seen) in strangers {
            for (id, found) in inherited.sets.iter_mut() {
                let Some(spec) = sets.get(*id) else { continue };
                let (Some(&State::Ready(kept)), Some(timeout)) =
                    (self.states.get(id), spec.timeout)
                else {
                    continue;
                };
                if !kept.timeouts {
                    continue; // made anew by others: it would stay for ever
                }
                let Some(member) = spec.element(&hit).and_then(|own| Leftover::of(spec, &own))
                else {
                    continue;
                };
                let Some(heirloom) = found.get_mut(&member) else { continue };
                // Silent since it was last wound?
                if heirloom.times.is_none_or(|(_, wound)| last_seen <= wound) {
                    continue;
                }
                heirloom.times = Some((now.after(timeout), now));
                self.batch.set_tag(id.0.into());
                let skb = heirloom.skb(kept);
                if let Err(error) = member.renew(&mut self.batch, spec, timeout, &skb) {
                    self.failures.note(id.0.into(), &error, now, &mut tell);
                }
            }
        }
        for found in inherited.sets.values_mut() {
            found.retain(|_, heirloom| heirloom.times.is_none_or(|(until, _)| until > now));
        }
        inherited.sets.retain(|_, found| !found.is_empty());
        self.inherited = inherited;
        self.commit(now, &mut tell);
    }

    /// Elements of an earlier run that were taken out at the start, as the configuration wants it.
    pub const fn flushed(&self) -> u32 {
        self.inherited.flushed()
    }
}
