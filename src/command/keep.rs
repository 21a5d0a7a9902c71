//! `nfa rules --keep`: stays, and has the rules loaded again when somebody took our table away.
//!
//! A process of its own: the daemon runs no other program, and its jail has none.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nfa::netlink::nftables::{self, Event, Table, TableFamily};
use nfa::netlink::{Client, Error};
use nfa::sys::{self, Interest, PollFd, Signal, SignalFd};

use super::log::{Level, Log};
use super::{Failure, Outcome};

/// Looks without an event so often: events can be lost.
const LOOK: Duration = Duration::from_secs(30);
/// Tries again so soon after `nft` failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Stays until it is told to end.
pub fn run(path: &Path) -> Result<Outcome, Failure> {
    let failed = |error: Error| Failure::Message(error.to_string());
    let signals =
        SignalFd::open().map_err(|error| Failure::Message(format!("signals: {error}")))?;
    let mut log = Log::open();
    let mut events = Client::open().map_err(failed)?;
    nftables::subscribe(&mut events).map_err(failed)?;
    let mut client = Client::open().map_err(failed)?;
    let ours = Table { family: TableFamily::Inet, name: "nfa".to_owned() };
    let mut look = true;
    loop {
        let mut timeout = LOOK;
        // Read after the event: one that was deleted and made in one go is there.
        if look && path.is_file() && !is_there(&mut client, &ours).map_err(failed)? {
            match load(path) {
                Ok(()) => log.write(Level::Info, "the table inet nfa was gone: loaded again"),
                Err(why) => {
                    log.write(Level::Error, &format!("the table inet nfa is gone: {why}"));
                    timeout = AGAIN;
                }
            }
        }
        let mut fds = [
            PollFd::new(signals.as_raw_fd(), Interest::Read),
            PollFd::new(events.as_fd().as_raw_fd(), Interest::Read),
        ];
        sys::poll(&mut fds, Some(timeout))
            .map_err(|error| Failure::Message(format!("poll: {error}")))?;
        while let Some(signal) =
            signals.read().map_err(|error| Failure::Message(format!("signals: {error}")))?
        {
            if matches!(signal, Signal::Terminate | Signal::Interrupt) {
                return Ok(Outcome::Fine);
            }
        }
        look = !fds.iter().any(PollFd::is_ready); // it was the time-out
        let read = nftables::events(&mut events, 0, |event| {
            look |= matches!(event, Event::TableDeleted(table) if table == ours);
        });
        look |= read.is_err(); // some were lost
    }
}

fn is_there(client: &mut Client, ours: &Table) -> Result<bool, Error> {
    Ok(nftables::tables(client)?.iter().any(|table| table == ours))
}

/// One transaction, as when the service began.
fn load(path: &Path) -> Result<(), String> {
    let nft = Command::new("nft").arg("-f").arg(path).stdin(Stdio::null()).output();
    match nft {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            Err(format!("nft: {}", told.lines().next().unwrap_or("no reason given")))
        }
        Err(error) => Err(format!("nft: {error}")),
    }
}
