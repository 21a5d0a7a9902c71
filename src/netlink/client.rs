//! Requests and their answers over one socket: what is sent is numbered, what is received is
//! matched by that number.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::attribute::Writer;
use super::error::{Cause, Error, Operation};
use super::message::{self, Head, Message, Messages, Subsystem};
use super::socket::{Received, Socket};

/// The kernel makes at most 32 KiB of a dump at once, if the reader has room for it.
const BUFFER_BYTES: usize = 32 * 1024;
/// The kernel answers before the send call returns, so this wait is for what should not happen.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Receive calls for one request; 65,536 elements of a set come in about 300.
const MOST_RECEIVES: u32 = 1 << 16;
/// Receive calls for events before the caller gets its turn again.
const MOST_EVENT_RECEIVES: u32 = 1024;

/// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile.
const DUMP_INTERRUPTED: u16 = 0x10;

/// A conversation with netfilter. Not for several threads at once.
#[derive(Debug)]
pub struct Client {
    pub(super) socket: Socket,
    pub(super) buffer: Vec<u8>,
    sequence: u32,
}

/// What is asked, for the message and for the error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// What, in words.
    pub operation: Operation,
    /// Of what.
    pub object: &'a str,
    /// The message's headers.
    pub head: Head,
}

impl Request<'_> {
    /// Its headers; the kernel is to answer in any case.
    const fn head(&self) -> Head {
        let mut head = self.head;
        if head.flags & message::DUMP != message::DUMP {
            head.flags |= message::ACK; // a dump ends with a message of its own
        }
        head
    }

    /// The error of this request.
    pub fn error(&self, cause: Cause) -> Error {
        let subsystem = Subsystem::of(self.head.kind).unwrap_or(Subsystem::Netlink);
        Error::new(subsystem, self.operation, self.object, cause)
    }
}

impl Client {
    /// Opens the socket. No rights are needed yet; requests need `CAP_NET_ADMIN`.
    pub fn open() -> Result<Client, Error> {
        let socket = Socket::open().map_err(|error| {
            Error::new(Subsystem::Netlink, Operation::Open, "socket", system(&error))
        })?;
        Ok(Client { socket, buffer: vec![0; BUFFER_BYTES], sequence: 0 })
    }

    /// Joins a multicast group (`NFNLGRP_*` of linux/netfilter/nfnetlink.h). Use a client of its
    /// own for events: an answer and an event that share a socket share its room too.
    pub fn join(&mut self, group: u32) -> Result<(), Error> {
        self.socket.join(group).map_err(|error| {
            let object = format!("group {group}");
            Error::new(Subsystem::Netlink, Operation::Join, object, system(&error))
        })
    }

    /// This socket's number, by which events tell whose change they are of.
    pub const fn port(&self) -> u32 {
        self.socket.port()
    }

    /// System calls made on this socket so far.
    pub const fn calls(&self) -> u64 {
        self.socket.calls()
    }

    /// `count` sequence numbers in a row; the first of them.
    pub(super) const fn number(&mut self, count: u32) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count);
        first
    }

    /// Sends one request and shows `each` what answers it, up to the end. True: the kernel says
    /// that a dump was disturbed by a change and may lack something.
    pub(super) fn request(
        &mut self,
        request: &Request<'_>,
        fill: impl FnOnce(&mut Writer<'_>),
        mut each: impl FnMut(&Message<'_>) -> Result<(), Cause>,
    ) -> Result<bool, Error> {
        let mut bytes = Vec::new();
        let written = message::append(&mut bytes, request.head(), fill);
        written.map_err(|_| request.error(Cause::TooLong))?;
        self.exchange(request, bytes, &mut each)
    }

    /// One copy for all requests: a copy in each took 20 kB on MIPS.
    fn exchange(
        &mut self,
        request: &Request<'_>,
        mut bytes: Vec<u8>,
        each: &mut dyn FnMut(&Message<'_>) -> Result<(), Cause>,
    ) -> Result<bool, Error> {
        let sequence = self.number(1);
        message::set_sequence(&mut bytes, 0, sequence);
        self.socket.send(&bytes).map_err(|error| request.error(system(&error)))?;

        let mut wrong = None;
        let mut interrupted = false;
        for _ in 0..MOST_RECEIVES {
            let got = match self.receive_in_time() {
                Ok(Received::Bytes(got)) => got,
                Ok(Received::Nothing) => return Err(request.error(Cause::Unanswered)),
                Ok(Received::Overrun | Received::Truncated) => {
                    wrong.get_or_insert(Cause::Overrun);
                    continue;
                }
                Err(error) => return Err(request.error(system(&error))),
            };
            for message in Messages::new(self.buffer.get(..got).unwrap_or_default()) {
                if message.sequence != sequence {
                    continue; // an answer that came too late for its request
                }
                interrupted |= message.flags & DUMP_INTERRUPTED != 0;
                match message.answer() {
                    Some(answer) if answer.code != 0 => {
                        let cause = Cause::Kernel { code: answer.code, text: answer.text };
                        return Err(request.error(cause));
                    }
                    Some(_) => {
                        return wrong.map_or(Ok(interrupted), |cause| Err(request.error(cause)));
                    }
                    // A dump is read to its end even if a part is wrong: until then the kernel
                    // lets this socket start no other.
                    None => {
                        if let Err(cause) = each(&message) {
                            wrong.get_or_insert(cause);
                        }
                    }
                }
            }
        }
        Err(request.error(Cause::Unanswered))
    }

    /// What is there, or comes within the time-out.
    pub(super) fn receive_in_time(&mut self) -> io::Result<Received> {
        match self.socket.receive(&mut self.buffer)? {
            Received::Nothing if self.socket.wait(ANSWER_TIMEOUT)? => {
                self.socket.receive(&mut self.buffer)
            }
            other => Ok(other),
        }
    }

    /// Shows `each` the events that are there, without waiting. [`Cause::Overrun`]: events were
    /// lost; what follows is still to be read, and the state they told of read again.
    pub(super) fn events(&mut self, mut each: impl FnMut(&Message<'_>)) -> Result<(), Error> {
        let failed = |cause| Error::new(Subsystem::Netlink, Operation::Receive, "events", cause);
        for _ in 0..MOST_EVENT_RECEIVES {
            match self.socket.receive(&mut self.buffer) {
                Ok(Received::Bytes(got)) => {
                    Messages::new(self.buffer.get(..got).unwrap_or_default())
                        .for_each(|message| each(&message));
                }
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Overrun | Received::Truncated) => return Err(failed(Cause::Overrun)),
                Err(error) => return Err(failed(system(&error))),
            }
        }
        Ok(())
    }
}

impl AsFd for Client {
    /// To be polled for reading.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The cause of a failed system call.
pub(super) fn system(error: &io::Error) -> Cause {
    match error.raw_os_error() {
        Some(libc::ENOBUFS) => Cause::Overrun,
        Some(code) => Cause::System { code },
        None => Cause::Unanswered,
    }
}
