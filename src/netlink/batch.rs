//! Many changes in few system calls: up to 200 messages a send, of which only the last asks for an
//! answer. A message that fails is answered in any case, with its own sequence number, and does
//! not stop the others.
//!
//! Changes of nf_tables go in transactions of their own: `transaction.rs`.

use std::ops::Range;

use super::attribute::Writer;
use super::client::{Client, system};
use super::error::{Cause, Error, Operation};
use super::message::{self, Head, Message, Messages, Subsystem, TooLong};
use super::socket::Received;
use super::{conntrack, ipset, nftables};

/// Messages of one send. The answers of as many failures fit into the socket's room.
const MOST_MESSAGES: usize = 200;
/// Bytes of one send; well under the socket's room even where that could not be raised.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// A batch keeps its memory for the next wake-up up to this many bytes.
const KEPT_BYTES: usize = 64 * 1024;
/// Answers to earlier requests, come too late, that are stepped over.
const MOST_STALE: usize = 200;

/// Changes to be sent together by [`Client::commit`].
#[derive(Debug, Default)]
pub struct Batch {
    plain: Queue,
    ruleset: Queue,
    tag: u32,
}

/// A change of a batch that the kernel did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The caller's number of it: [`Batch::set_tag`].
    pub tag: u32,
    /// What, of what, and why.
    pub error: Error,
}

/// Messages one after the other.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub bytes: Vec<u8>,
    pub marks: Vec<Mark>,
}

/// What is known of a message beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Where it starts in the queue's bytes.
    start: usize,
    /// The caller's number.
    tag: u32,
    /// Index of the first message that stands and falls with this one.
    pub group: usize,
    /// How nf_tables messages are read for words: the key's type.
    key_type: u32,
    /// Whether `ENOENT` is as good as success.
    may_miss: bool,
}

impl Queue {
    fn push(
        &mut self,
        head: Head,
        mut mark: Mark,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<(), TooLong> {
        mark.start = self.bytes.len();
        message::append(&mut self.bytes, head, fill)?;
        self.marks.push(mark);
        Ok(())
    }

    /// The bytes of some messages.
    pub fn span(&self, range: &Range<usize>) -> Range<usize> {
        let at = |index: usize| self.marks.get(index).map_or(self.bytes.len(), |mark| mark.start);
        at(range.start)..at(range.end)
    }

    /// The messages that stand and fall with the one at `index`.
    pub fn group(&self, index: usize) -> Range<usize> {
        let start = self.marks.get(index).map_or(index, |mark| mark.group);
        let mut end = start.saturating_add(1);
        while self.marks.get(end).is_some_and(|mark| mark.group == start) {
            end = end.saturating_add(1);
        }
        start..end
    }

    /// The messages of one send, from `start` on: whole groups, one at least.
    pub fn chunk(&self, start: usize, most_messages: usize) -> Range<usize> {
        let mut range = start..self.group(start).end;
        while range.end < self.marks.len() {
            let next = start..self.group(range.end).end;
            if next.len() > most_messages || self.span(&next).len() > MOST_BYTES {
                break;
            }
            range = next;
        }
        range
    }

    /// Whether a failure is as good as success: what was to go was not there.
    pub fn is_fine(&self, index: usize, cause: &Cause) -> bool {
        let missing = matches!(cause, Cause::Kernel { code: libc::ENOENT, .. });
        missing && self.marks.get(index).is_some_and(|mark| mark.may_miss)
    }

    /// The failure of one message, told by its own bytes: only failures pay for words.
    pub fn failure(&self, index: usize, cause: Cause) -> Failure {
        let (tag, key_type) =
            self.marks.get(index).map_or((0, 0), |mark| (mark.tag, mark.key_type));
        let span = self.span(&(index..index.saturating_add(1)));
        let request = Messages::new(self.bytes.get(span).unwrap_or_default()).next();
        let subsystem = request.and_then(|message: Message<'_>| message.subsystem());
        let (operation, object) = match (subsystem, &request) {
            (Some(Subsystem::Conntrack), Some(request)) => conntrack::describe(request),
            (Some(Subsystem::Ipset), Some(request)) => ipset::describe(request),
            (Some(Subsystem::Nftables), Some(request)) => nftables::describe(request, key_type),
            _ => (Operation::Commit, String::new()),
        };
        let subsystem = subsystem.unwrap_or(Subsystem::Netlink);
        Failure { tag, error: Error::new(subsystem, operation, object, cause) }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.marks.clear();
        self.marks.shrink_to(MOST_MESSAGES);
    }
}

impl Batch {
    /// An empty batch. Keep it: its memory is used again.
    pub fn new() -> Self {
        Batch::default()
    }

    /// The number that changes from now on carry, for the caller to know a failed one by.
    pub const fn set_tag(&mut self, tag: u32) {
        self.tag = tag;
    }

    /// Messages in it; a change may take several.
    pub const fn len(&self) -> usize {
        self.plain.marks.len().saturating_add(self.ruleset.marks.len())
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in it, to flush early where memory is short.
    pub const fn bytes(&self) -> usize {
        self.plain.bytes.len().saturating_add(self.ruleset.bytes.len())
    }

    /// For tests: what would be sent.
    #[cfg(test)]
    pub(super) fn queued(&self) -> &[u8] {
        if self.plain.marks.is_empty() { &self.ruleset.bytes } else { &self.plain.bytes }
    }

    /// A change that stands for itself; `may_miss`: `ENOENT` is as good as success.
    pub(super) fn push(
        &mut self,
        head: Head,
        may_miss: bool,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<(), TooLong> {
        let group = self.plain.marks.len();
        let mark = Mark { start: 0, tag: self.tag, group, key_type: 0, may_miss };
        self.plain.push(head, mark, fill)
    }

    /// A change of nf_tables.
    pub(super) fn push_ruleset(
        &mut self,
        change: Ruleset,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<(), TooLong> {
        let next = self.ruleset.marks.len();
        let group = match self.ruleset.marks.last() {
            Some(last) if change.with_last => last.group,
            _ => next,
        };
        let Ruleset { head, key_type, may_miss, .. } = change;
        self.ruleset.push(head, Mark { start: 0, tag: self.tag, group, key_type, may_miss }, fill)
    }

    /// A number that no other set of the next transaction has.
    pub(super) fn next_id(&self) -> u32 {
        u32::try_from(self.ruleset.marks.len()).unwrap_or(0).wrapping_add(1)
    }
}

/// A change of nf_tables to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruleset {
    pub head: Head,
    /// The type of the element's key; 0 where there is none.
    pub key_type: u32,
    /// Whether `ENOENT` is as good as success.
    pub may_miss: bool,
    /// Whether it stands and falls with the change before.
    pub with_last: bool,
}

impl Client {
    /// Sends all changes and empties the batch. Those that are not in the result were made.
    pub fn commit(&mut self, batch: &mut Batch) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut start = 0;
        while start < batch.plain.marks.len() {
            let range = batch.plain.chunk(start, MOST_MESSAGES);
            start = range.end;
            self.send_chunk(&mut batch.plain, range, &mut failures);
        }
        batch.plain.clear();
        self.commit_ruleset(&batch.ruleset, &mut failures);
        batch.ruleset.clear();
        failures
    }

    /// One send and its answers.
    fn send_chunk(&mut self, queue: &mut Queue, range: Range<usize>, failures: &mut Vec<Failure>) {
        let first = self.number(u32::try_from(range.len()).unwrap_or(u32::MAX));
        let mut sequence = first;
        for (index, mark) in queue.marks.iter().enumerate().take(range.end).skip(range.start) {
            message::set_sequence(&mut queue.bytes, mark.start, sequence);
            let last = index.saturating_add(1) == range.end;
            message::set_ack(&mut queue.bytes, mark.start, last);
            sequence = sequence.wrapping_add(1);
        }
        let mut failed = vec![false; range.len()];
        let bytes = queue.bytes.get(queue.span(&range)).unwrap_or_default();
        let unknown = match self.socket.send(bytes) {
            Err(error) => Some(system(&error)),
            Ok(()) => self.answers(first, &mut failed, false, &mut |index, cause| {
                let index = range.start.saturating_add(index);
                if !queue.is_fine(index, &cause) {
                    failures.push(queue.failure(index, cause));
                }
            }),
        };
        let Some(cause) = unknown else { return };
        let others = failed.iter().enumerate().filter(|(_, failed)| !**failed);
        failures.extend(
            others
                .map(|(index, _)| queue.failure(range.start.saturating_add(index), cause.clone())),
        );
    }

    /// Reads answers up to that of the last message and shows `each` the failures. If some will
    /// not come: why. In a transaction the first message is its begin, which answers for all.
    pub(super) fn answers(
        &mut self,
        first: u32,
        failed: &mut [bool],
        transaction: bool,
        each: &mut dyn FnMut(usize, Cause),
    ) -> Option<Cause> {
        let mut unknown: Option<Cause> = None;
        // One receive call gives one answer.
        for _ in 0..failed.len().saturating_add(MOST_STALE) {
            // Once something is known to be wrong, what is not there will not come.
            let received = match unknown {
                None => self.receive_in_time(),
                Some(_) => self.socket.receive(&mut self.buffer),
            };
            let got = match received {
                Ok(Received::Bytes(got)) => got,
                Ok(Received::Nothing) => return unknown.or(Some(Cause::Unanswered)),
                Ok(Received::Overrun | Received::Truncated) => {
                    unknown = Some(Cause::Overrun);
                    continue;
                }
                Err(error) => return Some(system(&error)),
            };
            for message in Messages::new(self.buffer.get(..got).unwrap_or_default()) {
                let Ok(index) = usize::try_from(message.sequence.wrapping_sub(first)) else {
                    continue;
                };
                let last = index.saturating_add(1) == failed.len();
                let (Some(answer), Some(place)) = (message.answer(), failed.get_mut(index)) else {
                    continue;
                };
                if answer.code != 0 {
                    *place = true;
                    let cause = Cause::Kernel { code: answer.code, text: answer.text };
                    // Without the right the kernel looks at the first message only.
                    if index == 0 && (transaction || answer.code == libc::EPERM) {
                        unknown.get_or_insert(cause.clone());
                    }
                    each(index, cause);
                }
                if last {
                    // EPERM of the first says nothing about the others if the last was looked at.
                    return unknown.filter(|cause| transaction || *cause == Cause::Overrun);
                }
            }
        }
        unknown.or(Some(Cause::Unanswered))
    }
}
