//! nfa, "network flow actions": names the traffic of a router's LAN and keeps kernel sets of it.
//!
//! A packet's journey: [`capture`] yields frames; [`wire`] makes a packet view of each; [`flow`]
//! finds or makes its flow; [`dissect`] reads the first bytes ([`prefix`]) into [`facts`];
//! [`app`] names the application, [`lists`] add a user's own categories; [`policy`] evaluates the
//! [`criteria`] of actions; [`engine`] emits [`effect`]s; [`target`]s turn them into [`netlink`]
//! messages. Up to the engine all is a pure function of packets and time, so a capture file
//! replayed is the production path.
//!
//! A module uses only modules of a lower rank (`tests/layering.rs`). The rank stands behind each:

pub mod bits; // rank 0
pub mod bytes; // rank 0
pub mod interface; // rank 0
pub mod net; // rank 0
pub mod sorted; // rank 0
pub mod spelling; // rank 0
pub mod time; // rank 0

pub mod aged; // rank 1
pub mod app; // rank 1
pub mod criteria; // rank 1
pub mod effect; // rank 1
pub mod facts; // rank 1
pub mod json; // rank 1
pub mod netlink; // rank 1
pub mod prefix; // rank 1
pub mod privacy; // rank 1
pub mod sys; // rank 1
pub mod wire; // rank 1
pub mod zone; // rank 1

pub mod capture; // rank 2
pub mod dissect; // rank 2
pub mod flow; // rank 2
pub mod lists; // rank 2
pub mod target; // rank 2

pub mod hints; // rank 3
pub mod policy; // rank 3
pub mod swarm; // rank 3

pub mod config; // rank 4
pub mod record; // rank 4

pub mod engine; // rank 5
pub mod uci; // rank 5

pub mod control; // rank 6
pub mod rules; // rank 6
