//! Which frames the capture need not hand on: those of decided flows.

use super::Engine;
use super::detect::Detector;
use crate::effect::FiveTuple;
use crate::flow::{Flow, FlowId, Stage};

/// Packets of a flow after which a filter before the capture is worth its price: an entry there
/// costs four system calls in all, as much as a few packets, and most flows are shorter.
pub const UNWANTED_AFTER: u32 = 8;

/// Whether the capture should hand on the frames of a flow. It may, even if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// The flow is decided: only its end and a sign of life now and then matter.
    Unwanted(FiveTuple),
    /// The flow has gone, or an action asks about what changes with each packet.
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

/// What to say of a flow that ends, or whose every packet matters from now on.
pub(super) fn reclaim(flow: &mut Flow) -> Option<Frames> {
    std::mem::take(&mut flow.unwanted).then(|| Frames::Wanted(tuple(flow)))
}

/// As its packets are seen where they are captured.
fn tuple(flow: &Flow) -> FiveTuple {
    let [source, destination] = flow.ends();
    FiveTuple { transport: flow.key.transport(), source, destination }
}

impl Engine {
    /// The flows whose frames the capture was told to leave out, as their packets are seen there,
    /// the originator's way first; in no order that means anything, but always the same while none
    /// comes or goes.
    pub fn unread(&self) -> impl Iterator<Item = (FlowId, FiveTuple)> {
        let unwanted = self.table.iter().filter(|(_, flow)| flow.unwanted);
        unwanted.map(|(id, flow)| (id, tuple(flow)))
    }

    /// Counts so many more packets and IP bytes of a flow that were left out, the originator's
    /// first.
    pub fn credit(&mut self, id: FlowId, packets: [u64; 2], bytes: [u64; 2]) {
        let Some(flow) = self.table.get_mut(id) else { return };
        for (sum, more) in flow.packets.iter_mut().zip(packets) {
            *sum = sum.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        }
        for (sum, more) in flow.bytes.iter_mut().zip(bytes) {
            *sum = sum.saturating_add(more);
        }
    }
}
