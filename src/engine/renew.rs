//! Labels and marks of flows whose connection was entered into the kernel's table anew.

use super::{Engine, Output, claims};
use crate::effect::{Effect, FiveTuple};
use crate::flow::{Flow, FlowId, FlowKey};
use crate::interface::Role;

/// Flows that [`Engine::renew_some`] takes at a time: one send to the kernel.
const RENEWALS_MAX: usize = 100;

impl Engine {
    /// A connection is new in the kernel's table, known by its original and its reply direction: if
    /// it is that of a live flow, it gets what that carries.
    pub fn connection_began(&mut self, tuples: [FiveTuple; 2], out: &mut Output) {
        // Behind address translation a flow is known by one of them only.
        let found = tuples.iter().find_map(|tuple| {
            let (key, _) = FlowKey::new(tuple.transport, tuple.source, tuple.destination);
            self.table.find(&key)
        });
        if let Some(flow) = found.and_then(|id| self.table.get(id)) {
            renew(flow, self.interface(flow).role, out);
        }
    }

    /// Any connection may be new: all get what their flows carry.
    pub fn renew_all(&mut self, out: &mut Output) {
        for (_, flow) in self.table.iter() {
            renew(flow, self.interface(flow).role, out);
        }
    }

    /// The same for the next hundred flows that carry something, in turn. For kernels that do not
    /// tell of new connections.
    pub fn renew_some(&mut self, out: &mut Output) {
        let carriers: Vec<FlowId> = self
            .table
            .iter()
            .filter(|(_, flow)| flow.carried().is_some_and(carries))
            .map(|(id, _)| id)
            .collect();
        let turns = carriers.len().div_ceil(RENEWALS_MAX).max(1);
        let start = self.renewals.checked_rem(turns).unwrap_or(0).saturating_mul(RENEWALS_MAX);
        self.renewals = self.renewals.wrapping_add(1);
        for id in carriers.into_iter().skip(start).take(RENEWALS_MAX) {
            if let Some(flow) = self.table.get(id) {
                renew(flow, self.interface(flow).role, out);
            }
        }
    }
}

const fn carries(carried: &crate::flow::Carried) -> bool {
    carried.labels != 0 || carried.mask != 0
}

/// Asks for all that a flow carries, as if it had nothing.
fn renew(flow: &Flow, role: Role, out: &mut Output) {
    let Some(carried) = flow.carried() else { return };
    let (labels, mark, mask) = (carried.labels, carried.mark, carried.mask);
    let flow = claims::five_tuple(flow, role);
    if labels != 0 {
        out.effects.push(Effect::Label { flow, labels, mask: labels, report_gone: false });
    }
    if mask != 0 {
        out.effects.push(Effect::Mark { flow, mark, mask });
    }
}
