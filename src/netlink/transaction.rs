//! Transactions of nf_tables (linux/netfilter/nfnetlink.h, `NFNL_MSG_BATCH_*`): all of it is
//! applied or nothing. The kernel tells every message that is wrong; those are left out and the
//! rest is sent again.

use std::ops::Range;

use super::batch::{Failure, Queue};
use super::client::{Client, system};
use super::error::Cause;
use super::message::{self, Head, Subsystem};

/// `NFNL_MSG_BATCH_BEGIN`.
const BEGIN: u8 = 0x10;
/// `NFNL_MSG_BATCH_END`.
const END: u8 = 0x11;
/// Messages of one transaction. The answers of as many failures fit into the socket's room.
const MOST_MESSAGES: usize = 600;
/// Sends of one transaction. The kernel tells all failures at once, so a second round is for
/// what stood on a message that failed.
const MOST_ATTEMPTS: u32 = 4;

impl Client {
    /// Applies the changes in as few transactions as their size allows.
    pub(super) fn commit_ruleset(&mut self, queue: &Queue, failures: &mut Vec<Failure>) {
        let mut start = 0;
        while start < queue.marks.len() {
            let range = queue.chunk(start, MOST_MESSAGES);
            start = range.end;
            self.send_transaction(queue, range, failures);
        }
    }

    fn send_transaction(
        &mut self,
        queue: &Queue,
        range: Range<usize>,
        failures: &mut Vec<Failure>,
    ) {
        let mut kept: Vec<usize> = range.collect();
        for attempt in 1..=MOST_ATTEMPTS {
            if kept.is_empty() {
                return;
            }
            let mut wrong = Vec::new();
            if let Some(cause) = self.attempt(queue, &kept, &mut wrong) {
                // One failure for each change.
                kept.retain(|index| queue.marks.get(*index).is_some_and(|m| m.group == *index));
                failures.extend(kept.iter().map(|index| queue.failure(*index, cause.clone())));
                return;
            }
            if wrong.is_empty() {
                return;
            }
            let mut told: Option<usize> = None;
            let mut last = None;
            for (index, cause) in wrong {
                let group = queue.group(index);
                if told != Some(group.start) && !queue.is_fine(index, &cause) {
                    failures.push(queue.failure(index, cause.clone()));
                }
                told = Some(group.start);
                last = Some(cause);
                kept.retain(|kept| !group.contains(kept));
            }
            if let (MOST_ATTEMPTS, Some(cause)) = (attempt, last) {
                kept.retain(|index| queue.marks.get(*index).is_some_and(|m| m.group == *index));
                failures.extend(kept.iter().map(|index| queue.failure(*index, cause.clone())));
            }
        }
    }

    /// Sends some messages as one transaction and gathers what is wrong with them. An answer means
    /// that no message is to blame: why nothing, or nobody knows what, was applied.
    fn attempt(
        &mut self,
        queue: &Queue,
        kept: &[usize],
        wrong: &mut Vec<(usize, Cause)>,
    ) -> Option<Cause> {
        let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        let first = self.number(count.saturating_add(2));
        let mut bytes = Vec::new();
        border(&mut bytes, BEGIN);
        message::set_sequence(&mut bytes, 0, first);
        let mut sequence = first;
        let mut last = 0;
        for index in kept {
            last = bytes.len();
            sequence = sequence.wrapping_add(1);
            let span = queue.span(&(*index..index.saturating_add(1)));
            bytes.extend_from_slice(queue.bytes.get(span).unwrap_or_default());
            message::set_sequence(&mut bytes, last, sequence);
        }
        message::set_ack(&mut bytes, last, true);
        let end = bytes.len();
        border(&mut bytes, END);
        message::set_sequence(&mut bytes, end, sequence.wrapping_add(1));
        if let Err(error) = self.socket.send(&bytes) {
            return Some(system(&error));
        }
        let mut failed = vec![false; kept.len().saturating_add(1)];
        self.answers(first, &mut failed, true, &mut |index, cause| {
            let index = index.checked_sub(1).and_then(|index| kept.get(index));
            wrong.extend(index.map(|index| (*index, cause)));
        })
    }
}

fn border(bytes: &mut Vec<u8>, command: u8) {
    let resource = u16::from(Subsystem::Nftables.number());
    let kind = Subsystem::Netlink.kind(command);
    // Without attributes it cannot be too long.
    let _ = message::append(bytes, Head { kind, flags: 0, family: 0, resource }, |_| ());
}
