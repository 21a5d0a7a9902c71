//! Which frames the capture need not hand on: those of decided flows.

use super::Engine;
use super::detect::Detector;
use crate::dissect::bittorrent;
use crate::effect::FiveTuple;
use crate::flow::{Flow, FlowId, Stage};

/// Packets of a flow after which a filter before the capture is worth its price: an entry there
/// costs four system calls in all, as much as a few packets, and most flows are shorter.
pub const UNWANTED_AFTER: u32 = 8;

/// Packets of a flow of BitTorrent after which its full frames, blocks of files, are not read for
/// lessons any more: who takes part is told in short messages, at the beginning and later.
const LESSONS_EVERYWHERE: u32 = 64;
/// The size in bytes from which frames are full. A PEX message names at most 50 peers each time, 300
/// or 900 bytes (BEP 11); a DHT answer is as long.
pub const LESSON_BELOW: u16 = 1200;
/// Frames below this say nothing: an acknowledgement with options, over IPv6.
const LESSON_FROM: usize = 100;

/// Which packets of a named flow are read for what they teach about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lessons {
    None,
    /// In short messages among full frames.
    Short,
    All,
}

impl Lessons {
    /// Those of a flow.
    pub fn of(flow: &Flow) -> Lessons {
        let [original, reply] = flow.packets;
        match Detector::teacher(flow) {
            None => Lessons::None,
            Some(teacher)
                if original.saturating_add(reply) >= LESSONS_EVERYWHERE
                    && teacher.protocols.contains(&&bittorrent::PROTOCOL) =>
            {
                Lessons::Short
            }
            Some(_) => Lessons::All,
        }
    }

    /// Whether a frame of `len` bytes is read.
    pub fn are_in(self, len: usize) -> bool {
        match self {
            Lessons::None => false,
            Lessons::Short => (LESSON_FROM..usize::from(LESSON_BELOW)).contains(&len),
            Lessons::All => true,
        }
    }
}

/// Whether a frame of `len` bytes of a flow may be counted without being read, and notes if all may.
#[inline(never)]
pub(super) fn settles(flow: &mut Flow, len: usize) -> bool {
    if flow.detection.stage != Stage::Decided || flow.ending.is_over() {
        return false;
    }
    let lessons = Lessons::of(flow);
    flow.settled = lessons == Lessons::None;
    !lessons.are_in(len)
}

/// Whether the capture should hand on the frames of a flow. It may, even if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// The flow is decided: only its end and a sign of life now and then matter.
    Unwanted(FiveTuple),
    /// The same, but frames of fewer than [`LESSON_BELOW`] bytes that carry something matter too.
    Hushed(FiveTuple),
    /// The flow has gone, or an action asks about what changes with each packet.
    Wanted(FiveTuple),
}

/// What to say of a flow after `after` packets of it, once.
pub(super) fn renounce(flow: &mut Flow, after: u32) -> Option<Frames> {
    let [original, reply] = flow.packets;
    let over = flow.detection.stage == Stage::Decided && original.saturating_add(reply) >= after;
    if flow.unwanted || !over {
        return None;
    }
    let frames = match Lessons::of(flow) {
        Lessons::None => Frames::Unwanted(tuple(flow)),
        Lessons::Short => Frames::Hushed(tuple(flow)),
        Lessons::All => return None,
    };
    flow.unwanted = true;
    Some(frames)
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
