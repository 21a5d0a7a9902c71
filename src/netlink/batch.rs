//! Many changes in few system calls: up to 200 messages a send, of which only the last asks for an
//! answer. A message that fails is answered in any case, with its own sequence number, and does
//! not stop the others.

use std::ops::Range;

use super::attribute::Writer;
use super::client::{Client, system};
use super::error::{Cause, Error, Operation};
use super::ipset;
use super::message::{self, Head, Message, Messages, Subsystem, TooLong};
use super::socket::Received;

/// Messages of one send. The answers of as many failures fit into the socket's room.
const MOST_MESSAGES: usize = 200;
/// Bytes of one send; well under the socket's room even where that could not be raised.
const MOST_BYTES: usize = 64 * 1024;
/// A batch keeps its memory for the next wake-up up to this many bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// Changes to be sent together by [`Client::commit`].
#[derive(Debug, Default)]
pub struct Batch {
    plain: Queue,
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
struct Queue {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Where the message starts in `bytes`.
    start: usize,
    tag: u32,
}

impl Queue {
    /// The bytes of some messages.
    fn span(&self, range: &Range<usize>) -> Range<usize> {
        let at = |index: usize| self.marks.get(index).map_or(self.bytes.len(), |mark| mark.start);
        at(range.start)..at(range.end)
    }

    /// The messages of one send, from `start` on: one at least.
    fn chunk(&self, start: usize) -> Range<usize> {
        let mut range = start..self.marks.len().min(start.saturating_add(MOST_MESSAGES));
        while range.len() > 1 && self.span(&range).len() > MOST_BYTES {
            range.end = range.end.saturating_sub(1);
        }
        range
    }

    /// The failure of one message, told by its own bytes.
    fn failure(&self, index: usize, cause: Cause) -> Failure {
        let tag = self.marks.get(index).map_or(0, |mark| mark.tag);
        let span = self.span(&(index..index.saturating_add(1)));
        let message = Messages::new(self.bytes.get(span).unwrap_or_default()).next();
        let (operation, object) =
            message.as_ref().map_or((Operation::Commit, String::new()), describe);
        let subsystem = message.and_then(|message| message.subsystem());
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

/// What a request asks, read from its bytes: only failures pay for words.
fn describe(message: &Message<'_>) -> (Operation, String) {
    match message.subsystem() {
        Some(Subsystem::Ipset) => ipset::describe(message),
        _ => (Operation::Commit, String::new()),
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

    /// Messages in it.
    pub const fn len(&self) -> usize {
        self.plain.marks.len()
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in it, to flush early where memory is short.
    pub const fn bytes(&self) -> usize {
        self.plain.bytes.len()
    }

    /// For tests: what would be sent.
    #[cfg(test)]
    pub(super) fn queued(&self) -> &[u8] {
        &self.plain.bytes
    }

    /// A change that stands for itself.
    pub(super) fn push(
        &mut self,
        head: Head,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<(), TooLong> {
        let start = self.plain.bytes.len();
        message::append(&mut self.plain.bytes, head, fill)?;
        self.plain.marks.push(Mark { start, tag: self.tag });
        Ok(())
    }
}

impl Client {
    /// Sends all changes and empties the batch. Those that are not in the result were made.
    pub fn commit(&mut self, batch: &mut Batch) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut start = 0;
        while start < batch.plain.marks.len() {
            let range = batch.plain.chunk(start);
            start = range.end.max(start.saturating_add(1));
            self.send_chunk(&mut batch.plain, range, &mut failures);
        }
        batch.plain.clear();
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
            Ok(()) => self.answers(first, &mut failed, |index, cause| {
                failures.push(queue.failure(range.start.saturating_add(index), cause));
            }),
        };
        let Some(cause) = unknown else { return };
        let others = failed.iter().enumerate().filter(|(_, failed)| !**failed);
        failures.extend(
            others
                .map(|(index, _)| queue.failure(range.start.saturating_add(index), cause.clone())),
        );
    }

    /// Reads answers up to that of the last message. If it does not come: why.
    fn answers(
        &mut self,
        first: u32,
        failed: &mut [bool],
        mut each: impl FnMut(usize, Cause),
    ) -> Option<Cause> {
        let mut unknown = None;
        // One receive call gives one answer; answers that came too late for theirs are few.
        for _ in 0..failed.len().saturating_add(MOST_MESSAGES) {
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
                    if index == 0 && answer.code == libc::EPERM {
                        // Without the right the kernel looks at the first message only.
                        unknown.get_or_insert(cause.clone());
                    }
                    each(index, cause);
                }
                if last {
                    // EPERM of the first alone says nothing about the others if the last is told.
                    return unknown.filter(|cause| *cause == Cause::Overrun);
                }
            }
        }
        unknown.or(Some(Cause::Unanswered))
    }
}
