//! Speaking to netfilter: one socket, attributes, messages, batches, and a file per kernel family.
//!
//! A [`Client`] asks and is answered (set up, read back); a [`Batch`] gathers the changes of one
//! wake-up and is sent with a handful of system calls, every failure told by its own [`Error`].
//! Replies are parsed as hostile bytes.

mod attribute;
mod batch;
#[cfg(test)]
mod captured;
mod client;
pub mod conntrack;
mod error;
pub mod ipset;
mod message;
pub mod nftables;
mod socket;
mod transaction;

pub use batch::{Batch, Failure};
pub use client::Client;
pub use error::{Cause, Error, Operation};
pub use message::Subsystem;

/// Shows the bytes of one receive call to everything that reads replies and events, and tells what
/// they made of it. For the fuzzer.
#[doc(hidden)]
pub fn read_anything(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for message in message::Messages::new(bytes) {
        found.extend(message.answer().map(|answer| {
            let cause = Cause::Kernel { code: answer.code, text: answer.text };
            let subsystem = message.subsystem().unwrap_or(Subsystem::Netlink);
            Error::new(subsystem, Operation::Commit, "", cause).to_string()
        }));
        conntrack::read_anything(&message, &mut found);
        ipset::read_anything(&message, &mut found);
        nftables::read_anything(&message, &mut found);
    }
    found
}
