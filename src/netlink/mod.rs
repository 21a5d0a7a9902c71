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
