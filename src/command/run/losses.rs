//! What was lost on the way is counted and told: at once the first time, then summed up.

use std::time::Duration;

use nfa::capture::{FlowFilter, LiveCapture};
use nfa::control::Server;
use nfa::target::Keeper;
use nfa::time::Timestamp;

use super::{Daemon, Level};

/// Between two lines about the same kind of loss.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// A kind of loss: its name for programs, and what is said of so many more.
struct Kind {
    name: &'static str,
    says: &'static str,
    count: fn(&mut Daemon) -> u32,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "frames",
        says: "frames dropped by the kernel: more came than were read",
        count: Daemon::frames_dropped,
    },
    Kind {
        name: "flows_evicted",
        says: "flows forgotten early: the table of flows is full (max_flows)",
        count: |daemon| daemon.engine.counters().evicted,
    },
    Kind {
        name: "filter_entries",
        says: "entries found no room in the kernel's filter: frames of decided flows are copied",
        count: |daemon| daemon.filter.as_ref().map_or(0, FlowFilter::refused),
    },
    Kind {
        name: "events",
        says: "times events of the kernel were lost: what they told of was looked at anew",
        count: |daemon| daemon.keeper.as_ref().map_or(0, Keeper::overruns),
    },
    Kind {
        name: "elements_flushed",
        says: "elements of an earlier run taken out at the start (flush_on_create): their flows come \
               back when their content or the swarm shows them",
        count: |daemon| daemon.keeper.as_ref().map_or(0, Keeper::flushed),
    },
    Kind {
        name: "control_clients",
        says: "clients of the control socket dropped: too slow or too many",
        count: |daemon| daemon.control.as_ref().map_or(0, Server::dropped),
    },
];

/// How often, and how much of it was told.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: u32,
    told: u32,
    told_at: Option<Timestamp>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    tallies: [Tally; KINDS.len()],
    /// Of captures that were closed since; wraps.
    frames_before: u32,
}

impl Losses {
    /// Counters by name; they wrap.
    pub fn counters(&self) -> Vec<(&'static str, u32)> {
        KINDS.iter().zip(self.tallies).map(|(kind, tally)| (kind.name, tally.count)).collect()
    }

    /// A capture ends that has dropped so many frames.
    pub const fn keep_frames(&mut self, dropped: u32) {
        self.frames_before = self.frames_before.wrapping_add(dropped);
    }
}

impl Daemon {
    /// Looks at all counters of losses, and tells those that grew.
    pub(super) fn tell_losses(&mut self, now: Timestamp) {
        for (number, kind) in KINDS.iter().enumerate() {
            let count = (kind.count)(self);
            let Some(tally) = self.losses.tallies.get_mut(number) else { continue };
            tally.count = count;
            let more = count.wrapping_sub(tally.told);
            let due = tally.told_at.is_none_or(|at| now.since(at) >= SUMMARY_INTERVAL);
            if more > 0 && due {
                (tally.told, tally.told_at) = (count, Some(now));
                self.log.write(Level::Warning, &format!("{more} {}", kind.says));
            }
        }
    }

    /// Frames that the kernel dropped, of all captures so far; wraps.
    pub(super) fn frames_dropped(&mut self) -> u32 {
        let captures = self.sources.iter_mut().filter_map(|source| source.capture.as_mut());
        let dropped = captures.filter_map(|capture| LiveCapture::stats(capture).ok());
        let live = dropped.fold(0_u32, |sum, stats| sum.wrapping_add(stats.dropped));
        live.wrapping_add(self.losses.frames_before)
    }
}
