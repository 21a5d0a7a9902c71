//! Volumes that nobody captured: of connections that pass by, offloaded or left out, what connection
//! tracking counts is added. Nothing here is on the way of a packet.

use super::{Engine, claims};
use crate::effect::{Accounts, FiveTuple};
use crate::flow::{FlowId, Stage};
use crate::net::Transport;
use crate::time::Timestamp;

impl Engine {
    /// Hands every ended flow to the caller from now on, or no more.
    pub const fn keep_ended(&mut self, keep: bool) {
        self.limits.keep_ended = keep;
    }

    /// Of the flows at `count` places behind the first `skip` those that connection tracking may
    /// know more of than was captured, and what it knows them by.
    pub fn accountable(
        &self,
        skip: usize,
        count: usize,
    ) -> impl Iterator<Item = (FlowId, FiveTuple)> {
        let flows = self.table.page(skip, count).filter(|(_, flow)| {
            flow.detection.stage == Stage::Decided
                && !flow.ending.is_over()
                && matches!(flow.key.transport(), Transport::Tcp | Transport::Udp)
        });
        flows.map(|(id, flow)| (id, claims::five_tuple(flow, self.interface(flow).role)))
    }

    /// Adds what connection tracking counted beyond what is known; `added`: what was added so far
    /// in this way, the originator's first. A flow that something was added to lives: it was seen,
    /// though not here.
    pub fn account(
        &mut self,
        id: FlowId,
        asked: &FiveTuple,
        found: &Accounts,
        added: &mut [(u64, u64); 2],
        now: Timestamp,
    ) {
        let Some(flow) = self.table.get(id) else { return };
        let [originator, _] = flow.ends();
        let mut found = *found;
        if asked.source != originator {
            found.packets.reverse();
            found.bytes.reverse();
        }
        let (mut packets, mut bytes) = ([0; 2], [0; 2]);
        for side in 0..2 {
            let of = |sides: &[u64; 2]| sides.get(side).copied().unwrap_or(0);
            let own_packets = of(&flow.packets.map(u64::from));
            let own_bytes = of(&flow.bytes);
            let Some((more_packets, more_bytes)) = added.get_mut(side) else { continue };
            // What was captured alone; frames that the capture's filter counts come later than
            // here, so what was added once counts against them.
            let packets_seen = own_packets.saturating_sub(*more_packets);
            let bytes_seen = own_bytes.saturating_sub(*more_bytes);
            let missing_packets = of(&found.packets).saturating_sub(packets_seen);
            let missing_bytes = of(&found.bytes).saturating_sub(bytes_seen);
            if let (Some(packets), Some(bytes)) = (packets.get_mut(side), bytes.get_mut(side)) {
                *packets = missing_packets.saturating_sub(*more_packets);
                *bytes = missing_bytes.saturating_sub(*more_bytes);
                *more_packets = more_packets.saturating_add(*packets);
                *more_bytes = more_bytes.saturating_add(*bytes);
            }
        }
        if packets == [0; 2] {
            return;
        }
        self.credit(id, packets, bytes);
        if let Some(flow) = self.table.get_mut(id) {
            flow.last_seen = flow.last_seen.max(now);
        }
        self.table.touch(id, now);
    }
}
