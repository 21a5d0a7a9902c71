//! Sets that ask by their names to be filled, as far as they have been found in the kernel.

use crate::netlink::{Client, ipset, nftables};
use crate::target::adopt::Found;

/// What was found, and whether it is to be looked for.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The configuration wants it.
    is_on: bool,
    ipset: Found,
    nft: Found,
    /// Sets of nftables may have come or gone since they were read.
    nft_changed: bool,
    /// Something else was found than the last time somebody asked.
    is_news: bool,
    /// The kernel answered that it has no ipset, no nftables: it is not asked every second.
    no_ipset: bool,
    no_nft: bool,
}

impl Search {
    /// Begins anew, or ends.
    pub fn start(&mut self, is_on: bool) {
        *self = Search { is_on, nft_changed: true, is_news: true, ..Search::default() };
    }

    /// Whether the sets of ipset are to be read.
    pub const fn wants_ipset(&self) -> bool {
        self.is_on && !self.no_ipset
    }

    /// Whether it matters what happens to sets of nftables.
    pub const fn wants_nft(&self) -> bool {
        self.is_on && !self.no_nft
    }

    /// The sets of ipset were read.
    pub fn take_ipset(&mut self, read: Result<&[ipset::Header], bool>) {
        match read {
            Ok(headers) if self.is_on => {
                let found = Found::among_ipsets(headers);
                self.is_news |= found != self.ipset;
                self.ipset = found;
            }
            Ok(_) => {}
            Err(is_unsupported) => self.no_ipset |= is_unsupported,
        }
    }

    /// A set of nftables has come or gone.
    pub const fn note_nft(&mut self) {
        self.nft_changed = true;
    }

    /// All there are. Reads the sets of nftables if need be; if they cannot be read now, then the
    /// next time.
    pub fn found(&mut self, client: &mut Client) -> Found {
        if self.wants_nft() && self.nft_changed {
            match nftables::sets(client) {
                Ok(sets) => {
                    let found = Found::among_nft_sets(&sets);
                    self.is_news |= found != self.nft;
                    self.nft = found;
                    self.nft_changed = false;
                }
                Err(error) => self.no_nft = error.is_unsupported(),
            }
        }
        self.ipset.and(&self.nft)
    }

    /// All there are, if they are others than the last time.
    pub fn news(&mut self, client: &mut Client) -> Option<Found> {
        if !self.is_on || !(self.is_news || (self.nft_changed && !self.no_nft)) {
            return None;
        }
        let found = self.found(client);
        std::mem::replace(&mut self.is_news, false).then_some(found)
    }
}
