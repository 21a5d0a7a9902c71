//! Elements without a clock that an earlier run, ended by force, left in sets that nfa manages: no
//! kernel ever takes them out. What no flow has claimed after a while goes.

use std::collections::HashSet;
use std::time::Duration;

use super::{Keeper, State, ipset, nft};
use crate::effect::{Element, Live, SetId};
use crate::netlink::ipset::{self as kernel_ipset, SkbInfo};
use crate::netlink::{Batch, Client, Error, nftables};
use crate::sorted::SortedMap;
use crate::target::set::{Home, SetSpec, Sets};
use crate::time::Timestamp;

/// How long a flow of the earlier run has to be seen again: as long as a silent TCP connection is
/// taken to be alive.
const GRACE: Duration = Duration::from_secs(300);
/// Most elements kept in mind, of about 130 bytes each; what is beyond stays in its set.
pub(super) const MEMBERS_MAX: usize = 16_384;

/// An element as its kind of set has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Leftover {
    Ipset(kernel_ipset::Entry),
    Nft(nftables::Key),
}

impl Leftover {
    /// An element of ours as that.
    pub fn of(spec: &SetSpec, element: &Element) -> Option<Self> {
        match spec.home {
            Home::Ipset => ipset::entry_of(element).map(Leftover::Ipset),
            Home::Nft(_) => nft::key_of(element).map(Leftover::Nft),
        }
    }

    /// Queues its addition; of one that is there ipset winds the clock, nft does not.
    pub fn add(
        &self,
        batch: &mut Batch,
        spec: &SetSpec,
        left: Duration,
        skb: &SkbInfo,
    ) -> Result<(), Error> {
        match self {
            Leftover::Ipset(entry) => kernel_ipset::add(batch, &spec.name, entry, Some(left), skb),
            Leftover::Nft(key) => {
                nft::name(spec).map_or(Ok(()), |set| nftables::add(batch, &set, key, Some(left)))
            }
        }
    }

    /// Queues its addition, or the winding of its clock.
    pub fn renew(
        &self,
        batch: &mut Batch,
        spec: &SetSpec,
        timeout: Duration,
        skb: &SkbInfo,
    ) -> Result<(), Error> {
        match self {
            Leftover::Ipset(_) => self.add(batch, spec, timeout, skb),
            Leftover::Nft(key) => nft::name(spec)
                .map_or(Ok(()), |set| nftables::refresh(batch, &set, key, Some(timeout))),
        }
    }

    /// Queues its removal; one that is not there is no error.
    pub fn delete(&self, batch: &mut Batch, spec: &SetSpec) -> Result<(), Error> {
        match self {
            Leftover::Ipset(entry) => kernel_ipset::delete(batch, &spec.name, entry),
            Leftover::Nft(key) => {
                nft::name(spec).map_or(Ok(()), |set| nftables::delete(batch, &set, key))
            }
        }
    }
}

/// Shows `each` what is in a set, what the kernel's clock for it says, and what packets get.
pub(super) fn each_member(
    client: &mut Client,
    spec: &SetSpec,
    each: &mut dyn FnMut(Leftover, Option<Duration>, SkbInfo),
) -> Result<(), Error> {
    match &spec.home {
        Home::Ipset => kernel_ipset::dump(client, &spec.name, |member| {
            each(Leftover::Ipset(member.entry), member.timeout, member.skb);
        }),
        Home::Nft(_) => {
            let Some(set) = nft::name(spec) else { return Ok(()) };
            let info = nftables::set(client, &set)?;
            nftables::elements(client, &info, |element| {
                each(Leftover::Nft(element.key), element.left, SkbInfo::default());
            })
        }
    }
}

/// What was found in sets when they were taken over, by set, and when it goes: none until the
/// first look.
#[derive(Debug, Default)]
pub(super) struct Leftovers(SortedMap<SetId, (Option<Timestamp>, Vec<Leftover>)>);

impl Leftovers {
    /// Reads what is in a set that this run has not filled yet.
    pub fn find(&mut self, client: &mut Client, id: SetId, spec: &SetSpec) -> Result<(), Error> {
        if !spec.managed || spec.timeout.is_some() || spec.flush_on_create {
            return Ok(());
        }
        let known: usize = self.0.values().map(|(_, found)| found.len()).sum();
        let room = MEMBERS_MAX.saturating_sub(known);
        let mut found = Vec::new();
        each_member(client, spec, &mut |leftover, timeout, _| {
            // One that has a clock is not of nfa's making, and needs no help.
            if timeout.unwrap_or_default().is_zero() && found.len() < room {
                found.push(leftover);
            }
        })?;
        if !found.is_empty() {
            self.0.insert(id, (None, found));
        }
        Ok(())
    }

    /// The sets whose time has come, with what was in them.
    fn due(&mut self, now: Timestamp) -> Vec<(SetId, Vec<Leftover>)> {
        let is_due = |_: &SetId, (due, _): &mut (Option<Timestamp>, Vec<Leftover>)| {
            *due.get_or_insert_with(|| now.after(GRACE)) <= now
        };
        self.0.extract_if(is_due).map(|(id, (_, found))| (id, found)).collect()
    }

    /// A set is kept no more.
    pub fn forget(&mut self, id: SetId) {
        self.0.remove(&id);
    }
}

impl Keeper {
    /// Takes out what an earlier run left and no flow of this one has claimed in time.
    pub(super) fn clear_leftovers<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = Live<'e>> + Clone,
        now: Timestamp,
        tell: &mut dyn FnMut(String),
    ) {
        for (id, found) in self.leftovers.due(now) {
            let Some(spec) = sets.get(id) else { continue };
            if !matches!(self.states.get(&id), Some(State::Ready(_))) {
                continue; // it went, and what was in it with it
            }
            let of_set = elements.clone().filter(|live| live.set == id);
            let wanted: HashSet<Leftover> =
                of_set.filter_map(|live| Leftover::of(spec, live.element)).collect();
            self.batch.set_tag(id.0.into());
            let mut removed = 0u32;
            for leftover in found.iter().filter(|leftover| !wanted.contains(leftover)) {
                match leftover.delete(&mut self.batch, spec) {
                    Ok(()) => removed = removed.saturating_add(1),
                    Err(error) => self.failures.note(id.0.into(), &error, now, tell),
                }
            }
            if removed > 0 {
                tell(format!(
                    "{spec}: taken out what an earlier run left and no flow wants: {removed}"
                ));
            }
        }
        self.commit(now, tell);
    }
}
