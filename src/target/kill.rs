//! `kill`: lets the kernel forget the connection of a flow when it first matches, so that the
//! user's rules judge its next packet as one of a new connection. Once for each flow.

use super::set::Sets;
use super::{Context, Kind, Target, Want};
use crate::effect::Hit;
use crate::json::Object;

/// The kind.
pub static KILL: Kind =
    Kind { name: "kill", doc: "deletes a flow's conntrack entry when it first matches", parse };

#[derive(Debug)]
struct Kill;

impl Target for Kill {
    fn apply(&self, _: &Hit<'_>, _: &Sets, wants: &mut Vec<Want>) {
        wants.push(Want::Kill);
    }
}

#[allow(clippy::unnecessary_wraps)] // as all kinds do it
fn parse(_: &Object<'_>, _: &mut Context<'_>) -> Option<Box<dyn Target>> {
    Some(Box::new(Kill))
}
