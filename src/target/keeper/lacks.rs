//! What the kernel turned out to lack: told once, then nothing of it is sent.

use crate::netlink::{Client, Error, conntrack, ipset, nftables};
use crate::target::set::Home;

/// What is known to be lacking.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    ipset: bool,
    nft: bool,
    /// `None`: nothing of it was wanted yet.
    conntrack: Option<bool>,
}

impl Lacks {
    /// Asks the kernel for what sets at `homes` need.
    pub fn find<'s>(
        &mut self,
        client: &mut Client,
        homes: impl Iterator<Item = &'s Home> + Clone,
        tell: &mut dyn FnMut(String),
    ) {
        if !self.ipset
            && homes.clone().any(|home| *home == Home::Ipset)
            && let Err(error) = ipset::protocol(client)
        {
            self.ipset = error.is_unsupported();
            tell(lack(self.ipset, "no ipset can be kept", &error));
        }
        if !self.nft
            && homes.clone().any(|home| matches!(home, Home::Nft(_)))
            && let Err(error) = nftables::generation(client)
        {
            self.nft = error.is_unsupported();
            tell(lack(self.nft, "no nft set can be kept", &error));
        }
    }

    /// Whether sets that live there cannot be.
    pub const fn set(&self, home: &Home) -> bool {
        match home {
            Home::Ipset => self.ipset,
            Home::Nft(_) => self.nft,
        }
    }

    /// Whether connections cannot be reached; asks when that is first of interest.
    pub fn conntrack(&mut self, client: &mut Client, tell: &mut dyn FnMut(String)) -> bool {
        *self.conntrack.get_or_insert_with(|| match conntrack::count(client) {
            Ok(_) => false,
            Err(error) => {
                let is_lacking = error.is_unsupported();
                let what = "no connection can be asked about, marked, labelled or killed";
                tell(lack(is_lacking, what, &error));
                is_lacking
            }
        })
    }
}

/// What is told: an error that may not last means nothing for what comes later.
fn lack(is_lacking: bool, what: &str, error: &Error) -> String {
    if is_lacking { format!("{what}: {error}") } else { error.to_string() }
}
