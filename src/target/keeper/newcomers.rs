//! Connections that are new, as the kernel tells them: a flow whose connection somebody deleted
//! (`conntrack -F`) gets a new one with its next packet, and that has no label and no mark yet.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use super::{CONNECTIONS, Keeper, conntrack};
use crate::effect::FiveTuple;
use crate::netlink::conntrack::{self as kernel, Event};
use crate::netlink::{Cause, Client};
use crate::time::Timestamp;

/// Whether the kernel tells events of connections (Linux: 0 no, 1 yes, 2 while somebody listens).
const EVENTS_SWITCH: &str = "/proc/sys/net/netfilter/nf_conntrack_events";

/// What is known of connections that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newcomer {
    /// A connection, by its original and its reply direction.
    Connection([FiveTuple; 2]),
    /// Nobody knows which: any may be new.
    Any,
}

/// The ear for events.
#[derive(Debug, Default)]
pub(super) enum Newcomers {
    /// Nobody has wanted to know.
    #[default]
    Unwanted,
    /// They are told.
    Heard(Client),
    /// They are not told here.
    Unheard,
}

impl Newcomers {
    /// Listens from now on; if that cannot be, it is told once.
    pub fn want(&mut self, tell: impl FnOnce(String)) {
        if !matches!(self, Newcomers::Unwanted) {
            return;
        }
        *self = match listen() {
            Ok(client) => Newcomers::Heard(client),
            Err(reason) => {
                tell(format!("no events of connections, labels and marks are renewed: {reason}"));
                Newcomers::Unheard
            }
        };
    }

    /// What is to be polled for reading.
    pub fn fd(&self) -> Option<RawFd> {
        match self {
            Newcomers::Heard(client) => Some(client.as_fd().as_raw_fd()),
            Newcomers::Unwanted | Newcomers::Unheard => None,
        }
    }
}

fn listen() -> Result<Client, String> {
    match std::fs::read_to_string(EVENTS_SWITCH) {
        Ok(text) if text.trim() == "0" => {
            return Err("net.netfilter.nf_conntrack_events is 0".into());
        }
        Ok(_) => {}
        Err(error) => return Err(format!("{EVENTS_SWITCH}: {error}")),
    }
    let mut client = Client::open().map_err(|error| error.to_string())?;
    kernel::subscribe(&mut client, true, false).map_err(|error| error.to_string())?;
    Ok(client)
}

impl Keeper {
    /// Shows `each` the connections that have begun, without waiting. Only connections that begin
    /// after the first label or mark was set are told.
    pub fn newcomers(
        &mut self,
        now: Timestamp,
        mut tell: impl FnMut(String),
        mut each: impl FnMut(Newcomer),
    ) {
        let Newcomers::Heard(client) = &mut self.newcomers else { return };
        let result = kernel::events(client, |event| {
            if let Event::New(connection) = event {
                let tuples = [&connection.original, &connection.reply];
                each(Newcomer::Connection(tuples.map(conntrack::five_tuple)));
            }
        });
        match result {
            Ok(()) => {}
            Err(error) if error.cause == Cause::Overrun => {
                self.overruns = self.overruns.wrapping_add(1);
                each(Newcomer::Any);
            }
            Err(error) => self.failures.note(CONNECTIONS, &error, now, &mut tell),
        }
    }

    /// Whether new connections go untold though labels or marks were set.
    pub const fn is_deaf(&self) -> bool {
        matches!(self.newcomers, Newcomers::Unheard)
    }
}
