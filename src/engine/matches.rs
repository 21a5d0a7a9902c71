//! The newest matches of actions, for whoever asks what they did and to whom.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Engine;
use crate::flow::FlowId;
use crate::net::{Endpoint, Transport};
use crate::policy::View;
use crate::time::Timestamp;

/// Matches that are kept, of about 150 bytes and a name each: what a person reads back.
const MATCHES_MAX: usize = 256;

/// A flow matched an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Counts from 1 up, never twice.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The action.
    pub rule: Arc<str>,
    /// The flow's place, while it lives.
    pub id: FlowId,
    /// Its transport.
    pub transport: Transport,
    /// Its end in the LAN.
    pub local: Endpoint,
    /// The other one.
    pub other: Endpoint,
    /// The application's public number then; 0: none.
    pub application: u32,
    /// The protocol's; 0: unknown.
    pub protocol: u32,
    /// The name that it was for.
    pub host: Option<Box<str>>,
}

/// The newest of them.
#[derive(Debug, Default)]
pub(super) struct Matches {
    newest: VecDeque<Match>,
    count: u64,
}

impl Matches {
    /// Notes that a flow matches an action from now on.
    pub fn note(&mut self, at: Timestamp, rule: &Arc<str>, id: FlowId, view: &View<'_>) {
        let own = view.facts().and_then(|facts| facts.host.as_deref());
        let host = own.or(view.flow.detection.hint.as_deref());
        self.count = self.count.saturating_add(1);
        if self.newest.len() >= MATCHES_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Match {
            number: self.count,
            at,
            rule: Arc::clone(rule),
            id,
            transport: view.flow.key.transport(),
            local: view.flow.local(),
            other: view.flow.other(),
            application: view.app().map_or(0, |app| app.id),
            protocol: view.protocol().map_or(0, |protocol| protocol.id.into()),
            host: host.map(Into::into),
        });
    }
}

impl Engine {
    /// The newest matches of actions, the newest first, of those numbers below `number`.
    pub fn matches_below(&self, number: u64) -> impl Iterator<Item = &Match> {
        self.matches.newest.iter().rev().skip_while(move |found| found.number >= number)
    }

    /// How many matches there were since the start; the oldest are not kept.
    pub const fn matches_count(&self) -> u64 {
        self.matches.count
    }

    /// Notes which of these actions a flow did not match before.
    pub(super) fn note_matches(&mut self, id: FlowId, matched: &[u16]) {
        // Most flows match nothing, and those that do go on so.
        if matched.is_empty() {
            return;
        }
        let Some(flow) = self.table.get(id) else { return };
        let is_new = |number: u16| flow.stakes.matched().all(|before| before != number);
        if !matched.iter().any(|number| is_new(*number)) {
            return;
        }
        let mut matches = std::mem::take(&mut self.matches);
        let view = self.view(flow);
        for number in matched.iter().filter(|number| is_new(**number)) {
            if let Some(rule) = self.rules.name(usize::from(*number)) {
                matches.note(self.now, rule, id, &view);
            }
        }
        self.matches = matches;
    }
}
