//! Telemetry while somebody reads it, and volumes from connection tracking.

use std::collections::HashMap;
use std::time::Duration;

use nfa::control::{Teller, Usage, telemetry_stream};
use nfa::flow::FlowId;
use nfa::sys;
use nfa::time::Timestamp;

use super::{Daemon, Level};

/// Places of the flow table looked at in one round of house-keeping for flows to be asked about, two
/// system calls each: a full table has its turn in a minute and a half, an idle TCP connection is
/// forgotten after five.
const PLACES_PER_ROUND: usize = 128;
/// The same while nothing seems to pass by: enough to notice that something does.
const PLACES_PER_PROBE: usize = 8;
/// How long after an offloaded connection was last found others are looked for.
const OFFLOAD_MEMORY: Duration = Duration::from_secs(300);
/// Between two looks at whether the kernel counts.
const ACCOUNTING_INTERVAL: Duration = Duration::from_secs(60);
/// Whether connection tracking counts (Documentation/networking/nf_conntrack-sysctl.rst).
const ACCOUNTING: &str = "/proc/sys/net/netfilter/nf_conntrack_acct";

/// What was added from connection tracking.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    /// By flow and side, the originator's first: packets and bytes.
    added: HashMap<FlowId, [(u64, u64); 2]>,
    next: usize,
    /// When the kernel was asked whether it counts, and what it said.
    counts: Option<(Timestamp, bool)>,
    /// When an offloaded connection was last found.
    pub offloaded: Option<Timestamp>,
}

impl Daemon {
    /// Tells readers what is new.
    pub(super) fn tell_flows(&mut self, now: Timestamp) {
        let stream = telemetry_stream(&self.engine);
        if !stream.is_some_and(|stream| self.recorder.is_heard(stream)) {
            if self.teller.take().is_some() {
                self.engine.keep_ended(false);
            }
            return;
        }
        if self.teller.is_none() {
            self.engine.keep_ended(true);
        }
        let teller = self.teller.get_or_insert_default();
        let own = (self.started, Usage::own());
        teller.round(&self.engine, now, own, &mut self.output.effects);
    }

    /// Tells of flows that ended since the last wake-up.
    pub(super) fn tell_ended(&mut self) {
        let ended = std::mem::take(&mut self.output.ended);
        if let Some(teller) = &mut self.teller {
            let now = sys::monotonic();
            Teller::ended(teller, &self.engine, now, &ended, &mut self.output.effects);
        }
    }

    /// Asks connection tracking what passed by.
    pub(super) fn count_passed_by(&mut self, now: Timestamp) {
        let Some(keeper) = &mut self.keeper else { return };
        let volumes = &mut self.volumes;
        if volumes.counts.is_none_or(|(at, _)| now.since(at) >= ACCOUNTING_INTERVAL) {
            let text = std::fs::read_to_string(ACCOUNTING).unwrap_or_default();
            volumes.counts = Some((now, text.trim() == "1"));
        }
        if !volumes.counts.is_some_and(|(_, counts)| counts) {
            return;
        }
        let is_offloaded = volumes.offloaded.is_some_and(|at| now.since(at) < OFFLOAD_MEMORY);
        // With its filter per flow the capture sees or counts every frame of the interface.
        let is_whole = self.filter.is_some()
            && self.sources.iter().all(|source| !source.interface.name.starts_with("nflog"));
        let places = if is_whole && !is_offloaded { PLACES_PER_PROBE } else { PLACES_PER_ROUND };
        let flows: Vec<_> = self.engine.accountable(volumes.next, places).collect();
        let log = &mut self.log;
        for (id, tuple) in flows {
            let found = keeper.accounts(&tuple, now, log.at(Level::Error));
            let Some(found) = found else { continue };
            if found.offloaded {
                volumes.offloaded = Some(now);
            } else if is_whole && !volumes.added.contains_key(&id) {
                continue;
            }
            let added = volumes.added.entry(id).or_default();
            self.engine.account(id, &tuple, &found, added, now);
        }
        volumes.next = volumes.next.saturating_add(places);
        if volumes.next >= self.engine.flows().places() {
            volumes.next = 0;
            let table = self.engine.flows();
            volumes.added.retain(|id, _| table.get(*id).is_some());
        }
    }
}
