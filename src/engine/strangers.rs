//! Flows that were picked up in their middle, whose beginning said who they are for: after a restart,
//! what an earlier run knew of them is in the kernel's sets alone.

use super::{Engine, hit_of};
use crate::effect::Hit;
use crate::flow::{Flow, Source};
use crate::net::Transport;
use crate::time::Timestamp;

/// Whether a flow may have begun before us, and nothing matches what is known of it: of TCP no SYN was
/// seen (what is in the middle of TLS is TLS, for nobody knows whom); of UDP, where nobody can tell
/// when it began, there is no name but a guess.
fn is_stranger(flow: &Flow) -> bool {
    let may_be_older = match flow.key.transport() {
        Transport::Tcp => flow.opened.iter().all(Option::is_none),
        _ => matches!(flow.detection.source(), Source::Unknown | Source::Port),
    };
    may_be_older && flow.matched.is_empty() && !flow.ending.is_over()
}

impl Engine {
    /// These flows, as sets need them, and when each was last seen. Goes through all live flows.
    pub fn strangers(&self) -> impl Iterator<Item = (Hit<'_>, Timestamp)> {
        let strangers = self.table.iter().map(|(_, flow)| flow).filter(|flow| is_stranger(flow));
        strangers.map(|flow| (hit_of(&self.view(flow)), flow.last_seen))
    }
}
