//! What goes into an engine when it is made, and what comes out of it.

use super::{Frames, Question};
use crate::effect::Effect;
use crate::flow::{Flow, IdleTimeouts};

/// Bounds and habits of an engine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most live flows.
    pub flows_max: usize,
    /// Most flows whose first bytes are kept at a time, each at most about 17 KiB; beyond it the
    /// oldest is decided with what it has.
    pub gatherings_max: usize,
    /// Most DNS answers remembered.
    pub hints_max: u32,
    /// Most BitTorrent endpoints remembered.
    pub endpoints_max: u32,
    /// How long idle flows live; `None`: to the end.
    pub idle: Option<IdleTimeouts>,
    /// Hand every ended flow to the caller.
    pub keep_ended: bool,
    /// Packets after which the frames of a decided flow are called unwanted; `None`: never, which
    /// suits a caller that cannot leave them out.
    pub unwanted_after: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            flows_max: crate::flow::FLOWS_MAX_DEFAULT,
            gatherings_max: 512,
            hints_max: crate::hints::HINTS_MAX_DEFAULT,
            endpoints_max: crate::swarm::ENDPOINTS_MAX_DEFAULT,
            idle: Some(IdleTimeouts::default()),
            keep_ended: false,
            unwanted_after: None,
        }
    }
}

/// Why a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The TCP connection was closed.
    Closed,
    /// Nothing was seen for its idle time, or the capture ended.
    Expired,
    /// Its room was needed.
    Evicted,
}

/// A flow that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The flow.
    pub flow: Flow,
    /// Why.
    pub reason: Reason,
    /// Nobody had named it before its end, so no action was evaluated.
    pub undecided: bool,
}

/// What the engine asks for and reports, in order. The caller empties it.
#[derive(Debug, Default)]
pub struct Output {
    /// Changes to kernel objects.
    pub effects: Vec<Effect>,
    /// Flows that have ended, if the limits say to keep them.
    pub ended: Vec<Ended>,
    /// Changes of what the capture need not hand on.
    pub frames: Vec<Frames>,
    /// What connection tracking should be asked; none unless an action needs to know.
    pub questions: Vec<Question>,
}

/// What an engine has counted since it was made. 32 bits each: they wrap, and whoever shows a
/// rate takes differences.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// Packets.
    pub packets: u32,
    /// Flows begun.
    pub flows: u32,
    /// Flows named by content.
    pub named: u32,
    /// Flows nobody knew.
    pub unknown: u32,
    /// Flows named for what is known of a BitTorrent swarm.
    pub by_swarm: u32,
    /// Flows named for their shape and their host.
    pub inferred: u32,
    /// Flows of those two kinds whose content said otherwise later.
    pub contradicted: u32,
    /// Flows that went for want of room.
    pub evicted: u32,
    /// Flows decided early for want of room for their first bytes.
    pub cut_short: u32,
    /// Flows that matched an action.
    pub hits: u32,
}
