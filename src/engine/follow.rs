//! Live flows are evaluated again where actions ask about what changes: counters, rates, what
//! connection tracking says. Nothing here costs anything where no action does.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Engine, Output, claims};
use crate::effect::{FiveTuple, Tracked};
use crate::flow::{Flow, FlowId, FlowTable, Stage};
use crate::net::Direction;
use crate::policy::Upkeep;
use crate::time::Timestamp;
use crate::wire::Packet;

/// Between a flow's packet and the look at its counters: whoever writes `local_bytes > 1000000`
/// expects it within a second or two.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Flows that are looked at in one turn, so that packets are not kept waiting ...
const LOOKS_MAX: usize = 1024;
/// ... and how soon the others get theirs.
const TURN_INTERVAL: Duration = Duration::from_millis(100);
/// Questions to connection tracking that wait for the caller; each costs it two system calls.
/// Flows beyond are asked about at a later look.
const QUESTIONS_MAX: usize = 256;
/// How often in a row connection tracking may know nothing of a flow until it is asked no more.
/// A flow may be seen before its connection is entered; one that is bridged never is.
const MISSES_MAX: u8 = 4;

/// A question to connection tracking, answered by [`Engine::tracked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Which flow it is for.
    pub id: FlowId,
    /// What its connection is found by.
    pub flow: FiveTuple,
}

/// Flows to be looked at.
#[derive(Debug, Default)]
pub(super) struct Follower {
    pub upkeep: Upkeep,
    /// Each flow once (its `stirred` says so), oldest first; some have ended since.
    stirred: VecDeque<FlowId>,
    pub due: Option<Timestamp>,
    /// Whether every packet of every flow counts; asked for each.
    sees_all: bool,
}

impl Follower {
    /// A packet of a flow came.
    pub fn see(
        &mut self,
        id: FlowId,
        flow: &mut Flow,
        packet: &Packet<'_>,
        direction: Direction,
        now: Timestamp,
    ) {
        if self.upkeep.tcp
            && let Some(tcp) = &packet.tcp
        {
            let followed = flow.follow();
            followed.tcp.count(tcp, packet.payload_len, direction);
        }
        self.stir(id, flow, now);
    }

    /// A flow is to be looked at.
    fn stir(&mut self, id: FlowId, flow: &mut Flow, now: Timestamp) {
        if !flow.stirred {
            flow.stirred = true;
            self.stirred.push_back(id);
            self.due.get_or_insert_with(|| now.after(LOOK_INTERVAL));
        }
    }

    /// Forgets flows that have ended, if they are many. Called when a flow begins.
    pub fn tidy(&mut self, table: &FlowTable) {
        if self.stirred.len() > table.limit().saturating_mul(2) {
            self.stirred.retain(|id| table.get(*id).is_some());
        }
    }
}

impl Engine {
    /// Takes what a new policy asks for. Where something is followed that was not, every live flow
    /// is looked at soon.
    pub(super) fn follow(&mut self) {
        let (old, new) = (self.follower.upkeep, self.config.policy.upkeep());
        self.follower.upkeep = new;
        self.follower.sees_all = new.needs_packets();
        if !new.is_some() {
            self.follower.stirred = VecDeque::new();
            self.follower.due = None;
        }
        if old == new {
            return;
        }
        for id in self.table.ids() {
            let Some(flow) = self.table.get_mut(id) else { continue };
            if new.is_some() {
                self.follower.stir(id, flow, self.now);
            } else {
                flow.stirred = false;
                flow.unfollow();
            }
        }
    }

    /// Whether some action asks about what every packet of a flow may change: then none may be left
    /// out, also not of flows that are decided.
    pub const fn needs_packets(&self) -> bool {
        self.follower.sees_all
    }

    /// Measures and evaluates again the flows that something happened to.
    pub(super) fn look_at_stirred(&mut self, out: &mut Output) {
        let waiting = self.follower.stirred.len();
        for _ in 0..waiting.min(LOOKS_MAX) {
            let Some(id) = self.follower.stirred.pop_front() else { break };
            let Some(flow) = self.table.get_mut(id) else { continue };
            flow.stirred = false;
            let mut again = false;
            if self.follower.upkeep.rate {
                let (bytes, first_seen) = (flow.bytes, flow.first_seen);
                let followed = flow.follow();
                followed.measure(bytes, first_seen, self.now);
                again = followed.is_moving(bytes);
            }
            // Flows without a name are evaluated when they get one.
            if flow.detection.stage != Stage::Undecided {
                again |= !self.question(id, out);
                self.evaluate(id, out);
                self.table.reclass(id);
            }
            if again && let Some(flow) = self.table.get_mut(id) {
                self.follower.stir(id, flow, self.now);
            }
        }
        self.follower.due = match self.follower.stirred.len() {
            0 => None,
            _ if waiting > LOOKS_MAX => Some(self.now.after(TURN_INTERVAL)),
            _ => Some(self.now.after(LOOK_INTERVAL)),
        };
    }

    /// Asks connection tracking about a flow, if an action wants to know. False: later, there are
    /// too many questions.
    pub(super) fn question(&mut self, id: FlowId, out: &mut Output) -> bool {
        let Upkeep { connection, mark, .. } = self.follower.upkeep;
        if !(connection || mark) {
            return true;
        }
        let Some(flow) = self.table.get(id) else { return true };
        let followed = flow.followed();
        let is_known = followed.is_some_and(|followed| followed.connection.is_some());
        let misses = followed.map_or(0, |followed| followed.misses);
        if misses >= MISSES_MAX || (is_known && !mark) {
            return true;
        }
        if out.questions.len() >= QUESTIONS_MAX {
            return false;
        }
        let flow = claims::five_tuple(flow, self.interface(flow).role);
        out.questions.push(Question { id, flow });
        true
    }

    /// Connection tracking answered a [`Question`]; `None`: it does not know that connection, now.
    pub fn tracked(&mut self, id: FlowId, found: Option<Tracked>, out: &mut Output) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let followed = flow.follow();
        let before = std::mem::replace(&mut followed.connection, found);
        followed.misses = if found.is_some() { 0 } else { followed.misses.saturating_add(1) };
        if found.is_none() && self.follower.upkeep.is_some() {
            self.follower.stir(id, flow, self.now);
        }
        if before != found
            && self.table.get(id).is_some_and(|flow| flow.detection.stage != Stage::Undecided)
        {
            self.evaluate(id, out);
            self.table.reclass(id);
        }
    }
}
