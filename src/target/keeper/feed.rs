//! The rules that feed NFLOG groups: made at the start, put back when others took them out, removed
//! at the end.

use super::nft::at_once;
use crate::netlink::Client;
use crate::netlink::nftables::{self, FEED_TABLE, Feed};

/// The rules wanted, and whether they may be gone.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    wanted: Vec<Feed>,
    in_doubt: bool,
    /// Why they could not be made, as it was told.
    told: String,
}

impl Feeds {
    /// Whether there are to be any.
    pub const fn is_some(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Somebody may have taken them out.
    pub const fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Takes what a configuration wants in place of what was wanted before.
    pub fn want(&mut self, client: &mut Client, feeds: Vec<Feed>, tell: &mut dyn FnMut(String)) {
        if feeds == self.wanted {
            return;
        }
        self.close(client, tell);
        self.wanted = feeds;
        if self.is_some() {
            self.make(client, "made", tell);
        }
    }

    /// Looks, if there is doubt, and makes anew what is not whole.
    pub fn tend(&mut self, client: &mut Client, tell: &mut dyn FnMut(String)) {
        if !std::mem::take(&mut self.in_doubt) || !self.is_some() {
            return;
        }
        match nftables::feed_rules(client) {
            Ok(rules) if rules == self.wanted.len() => {}
            // Most often the table is gone, and some kernels call that an error.
            Ok(_) => self.make(client, "gone, made anew", tell),
            Err(error) if error.is_missing() => self.make(client, "gone, made anew", tell),
            Err(error) => {
                self.in_doubt = true;
                tell(error.to_string());
            }
        }
    }

    /// Removes them.
    pub fn close(&mut self, client: &mut Client, tell: &mut dyn FnMut(String)) {
        if !self.is_some() {
            return;
        }
        self.wanted.clear();
        let removed =
            at_once(client, |batch| nftables::delete_table(batch, &nftables::feed_table()));
        if let Err(error) = removed
            && !error.is_missing()
        {
            tell(error.to_string());
        }
    }

    fn make(&mut self, client: &mut Client, what: &str, tell: &mut dyn FnMut(String)) {
        match at_once(client, |batch| nftables::set_feeds(batch, &self.wanted)) {
            Ok(()) => {
                self.told.clear();
                tell(format!("table inet {FEED_TABLE}, which feeds the capture: {what}"));
            }
            Err(error) => {
                self.in_doubt = !error.is_unsupported(); // then the next look tries again
                let message = format!("{error}: nothing feeds the capture");
                if message != self.told {
                    tell(message.clone());
                    self.told = message;
                }
            }
        }
    }
}
