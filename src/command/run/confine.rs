//! The daemon gives up what it needs no more: its sockets are open, its program is loaded.

use nfa::capture::FlowFilter;
use nfa::sys::privilege::{self, Account, CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW};
use nfa::sys::{self, seccomp};

use super::super::options::{Options, UsageError};
use super::{Daemon, Failure, Level};

/// Who the daemon is to be.
pub(super) fn account(options: &Options) -> Result<Option<Account>, Failure> {
    let Some(name) = &options.user else { return Ok(None) };
    Account::find(name).map(Some).map_err(|error| {
        let found = name.clone();
        let expected = format!("expected a user of /etc/passwd: {error}");
        UsageError::Value { option: "--user", found, expected }.into()
    })
}

impl Daemon {
    /// Opens what takes more rights than the daemon keeps, then gives these up for good. What comes
    /// later (an interface that is made again, a reload) is done with CAP_NET_ADMIN and CAP_NET_RAW.
    pub(super) fn confine(&mut self, account: Option<&Account>) -> Result<(), Failure> {
        self.look_at_interfaces()?;
        self.open_control();
        let failed = |what: &str, error| Failure::Message(format!("{what}: {error}"));
        // Root's socket would let nobody of that user ask for a reload, nor the daemon take it away.
        if let (Some(account), Some(control)) = (account, &self.control) {
            let path = control.path();
            if control.is_open() {
                let given = account.give(path);
                given.map_err(|error| failed(&path.display().to_string(), error))?;
            }
        }
        if let Some(account) = account {
            let give = |folder: &std::path::Path| account.give(folder);
            self.recorder.make_folders(give, self.log.at(Level::Warning));
        }
        // Before Linux 6.0 maps that are open cannot be changed without CAP_BPF where the system
        // lends eBPF to nobody else (kernel.unprivileged_bpf_disabled).
        let needs_bpf = || self.filter.as_ref().is_some_and(|filter| !filter.is_usable());
        let wanted = [CAP_NET_ADMIN, CAP_NET_RAW];
        let kept = privilege::give_up(&wanted, &[CAP_BPF], needs_bpf, account)
            .map_err(|error| failed("rights cannot be given up", error))?;
        if self.filter.as_ref().is_some_and(|filter| !FlowFilter::is_usable(filter)) {
            let line = "eBPF maps cannot be changed without the rights of root: the kernel cannot \
                        drop decided flows";
            self.log.write(Level::Warning, line);
            self.filter = None;
        }
        let user = account.map_or_else(
            || format!("user {}", sys::effective_uid()),
            |account| format!("user {}", account.name),
        );
        match seccomp::filter_calls() {
            Ok(()) => {
                self.log.write(Level::Info, &format!("{user}, {kept}; system calls are filtered"));
            }
            Err(error) => {
                self.log.write(Level::Info, &format!("{user}, {kept}"));
                let line = format!("system calls are not filtered: seccomp: {error}");
                self.log.write(Level::Warning, &line);
            }
        }
        Ok(())
    }
}
