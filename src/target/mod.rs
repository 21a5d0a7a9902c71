//! Targets: what a match of an action keeps up to date. One file per kind, one list of kinds.

mod adopt;
mod ctlabel;
mod ctmark;
mod fill;
mod ipset;
mod keeper;
mod kill;
mod log;
mod nftset;
mod set;
mod sink;
mod stream;

pub use adopt::{ADOPTED_MAX, Adoptable, Found};
pub use ctlabel::LabelNames;
pub use keeper::{Keeper, Newcomer, Standing};
pub use set::{Dimension, Family, Home, SetSpec, Sets};
pub use sink::stream as sink;
pub use stream::{Clock, Recorder, Rfc3164, StreamSpec, Streams, listen};

use std::fmt;

use crate::effect::{Element, Hit, Life, SetId, StreamId};
use crate::json::Object;

/// What a matching flow wants while it lives and matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// A member of a set.
    Member {
        /// Which set.
        set: SetId,
        /// The member.
        element: Element,
        /// How long, and what it carries.
        life: Life,
    },
    /// Labels of its connection, bits 0 to 127.
    Labels {
        /// Which.
        labels: u128,
        /// Whether it is worth a word that the connection has gone before it got them.
        report_gone: bool,
    },
    /// Bits of its connection's mark.
    Mark {
        /// The bits, none outside the mask.
        mark: u32,
        /// Which bits are meant.
        mask: u32,
    },
    /// That the kernel forgets its connection, once.
    Kill,
    /// To be written down, once for each action and target.
    Record {
        /// Where.
        stream: StreamId,
    },
}

/// What targets of one configuration have in common while they are read.
#[derive(Debug)]
pub struct Context<'a> {
    /// Sets are registered here.
    pub sets: &'a mut Sets,
    /// Streams of records too.
    pub streams: &'a mut Streams,
    /// Names of conntrack labels.
    pub labels: &'a LabelNames,
}

/// A target of the configuration, ready to use.
pub trait Target {
    /// Adds what a match of this flow wants.
    fn apply(&self, hit: &Hit<'_>, sets: &Sets, wants: &mut Vec<Want>);
}

/// Tells no more: asking each kind would bring all their texts for debugging into the program.
impl fmt::Debug for dyn Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target")
    }
}

/// A kind of target: `target_type` in the configuration.
#[derive(Debug)]
pub struct Kind {
    /// The word.
    pub name: &'static str,
    /// What it does, one line for people.
    pub doc: &'static str,
    /// Reads its own properties. `None` if they are refused; the reasons are among the findings.
    pub parse: fn(&Object<'_>, &mut Context<'_>) -> Option<Box<dyn Target>>,
}

/// Every kind there is.
pub static KINDS: &[&Kind] = &[
    &ipset::IPSET,
    &nftset::NFTSET,
    &ctlabel::CTLABEL,
    &ctmark::CTMARK,
    &kill::KILL,
    &log::LOG,
    &sink::SINK,
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name).copied()
}
