//! What the kernel leaves out of decided flows is counted there, and added here.

use std::collections::HashMap;

use nfa::capture::Unread;
use nfa::flow::FlowId;

use super::Daemon;

/// Flows that are looked up in one round of house-keeping, two system calls each: a full table has
/// its turn in four seconds, before a closed flow is forgotten.
const FLOWS_PER_ROUND: usize = 2048;

/// What was added so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By flow, as the kernel's counters stood.
    known: HashMap<FlowId, [Unread; 2]>,
    /// How many flows had their turn.
    next: usize,
}

impl Daemon {
    /// Adds what was left out since the last time.
    pub(super) fn count_unread(&mut self) {
        let Some(filter) = &self.filter else { return };
        let Counts { known, next } = &mut self.unread;
        let flows = self.engine.unread().skip(*next).take(FLOWS_PER_ROUND);
        let flows: Vec<_> = flows.collect();
        for (id, tuple) in &flows {
            let now = filter.unread(tuple);
            let before = known.insert(*id, now).unwrap_or_default();
            let mut ways = now.into_iter().zip(before).map(|(now, before)| {
                // An entry that was made anew counts from nothing.
                let more = |now: u64, before| now.checked_sub(before).unwrap_or(now);
                (more(now.packets, before.packets), more(now.bytes, before.bytes))
            });
            let mut way = || ways.next().unwrap_or_default();
            let (original, reply) = (way(), way());
            self.engine.credit(*id, [original.0, reply.0], [original.1, reply.1]);
        }
        *next = next.saturating_add(flows.len());
        if flows.len() < FLOWS_PER_ROUND {
            *next = 0;
            let table = self.engine.flows();
            known.retain(|id, _| table.get(*id).is_some_and(|flow| flow.unwanted));
        }
    }
}
