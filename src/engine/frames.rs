//! Which frames the capture need not hand on: those of decided flows.

use super::detect::Detector;
use crate::effect::FiveTuple;
use crate::flow::{Flow, Stage};

/// Packets of a flow after which a filter before the capture is worth its price: an entry there
/// costs four system calls in all, as much as a few packets, and most flows are shorter.
pub const UNWANTED_AFTER: u32 = 8;

/// Whether the capture should hand on the frames of a flow. It may, even if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// The flow is decided: only its end and a sign of life now and then matter.
    Unwanted(FiveTuple),
    /// The flow has gone.
    Wanted(FiveTuple),
}

/// What to say of a flow after `after` packets of it, once.
pub(super) fn renounce(flow: &mut Flow, after: u32) -> Option<Frames> {
    let [original, reply] = flow.packets;
    let over = flow.detection.stage == Stage::Decided && original.saturating_add(reply) >= after;
    if flow.unwanted || !over || Detector::teaches(flow) {
        return None;
    }
    flow.unwanted = true;
    Some(Frames::Unwanted(tuple(flow)))
}

/// What to say of a flow that ends.
pub(super) fn forget(flow: &Flow) -> Option<Frames> {
    flow.unwanted.then(|| Frames::Wanted(tuple(flow)))
}

/// As its packets are seen where they are captured.
fn tuple(flow: &Flow) -> FiveTuple {
    let [source, destination] = flow.ends();
    FiveTuple { transport: flow.key.transport(), source, destination }
}
