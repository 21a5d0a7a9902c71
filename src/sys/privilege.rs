//! Giving rights up: capabilities(7), the user, and the way to new ones.
#![allow(unsafe_code)]

use std::io;

/// What Linux calls its capabilities (linux/capability.h). To change sets, rules and connections.
pub const CAP_NET_ADMIN: u32 = 12;
/// To capture.
pub const CAP_NET_RAW: u32 = 13;
/// To load eBPF; before Linux 6.0 also to change maps, where the system lends them to nobody else.
pub const CAP_BPF: u32 = 39;

/// The same as names, for people.
const NAMES: [(u32, &str); 3] =
    [(CAP_NET_ADMIN, "CAP_NET_ADMIN"), (CAP_NET_RAW, "CAP_NET_RAW"), (CAP_BPF, "CAP_BPF")];

/// A user of `/etc/passwd` and its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Looks a name up, passwd(5): no library, which might load others.
    pub fn find(name: &str) -> io::Result<Self> {
        let text = std::fs::read_to_string("/etc/passwd")?;
        Self::parse(&text, name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("no user {name} in /etc/passwd"))
        })
    }

    fn parse(text: &str, name: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let own = fields.next().filter(|own| *own == name && !own.is_empty())?;
            let uid = fields.nth(1)?.parse().ok()?; // behind the password
            let gid = fields.next()?.parse().ok()?;
            Some(Account { name: own.to_owned(), uid, gid })
        })
    }

    /// Gives it a file, by name; a link is not followed.
    pub fn give(&self, path: &std::path::Path) -> io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
    }
}

/// What is left after [`give_up`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    capabilities: u64,
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = NAMES
            .iter()
            .filter(|(number, _)| self.capabilities & bit(*number) != 0)
            .map(|(_, name)| *name)
            .collect();
        f.write_str(&if names.is_empty() { "no capability".to_owned() } else { names.join(", ") })
    }
}

/// Files made from now on are nobody else's: not to be read by others, not to be written by the
/// group. What is for a group says so itself.
pub fn restrict_files() {
    // SAFETY: umask takes a number and cannot fail.
    unsafe { libc::umask(0o027) };
}

/// Gives up, for the calling thread and those that it starts later, all capabilities but `wanted`,
/// takes the `account` if there is one, and forbids new rights for good: no_new_privs; inheritable,
/// ambient and bounding sets empty. `last` are given up too unless `needs_last`, asked when they are
/// off, says that something does not work without.
///
/// # Errors
/// Something of it cannot be done: nothing that follows would be safe.
pub fn give_up(
    wanted: &[u32],
    last: &[u32],
    needs_last: impl FnOnce() -> bool,
    account: Option<&Account>,
) -> io::Result<Kept> {
    let [permitted, _, _] = read()?;
    let mask = |numbers: &[u32]| numbers.iter().fold(0, |set, number| set | bit(*number));
    let wanted = mask(wanted) & permitted;
    let all = wanted | (mask(last) & permitted);
    clear_bounding_set();
    forbid_new_privileges()?;
    if let Some(account) = account {
        become_user(account)?;
    }
    // Those that can be had back are the last chance of `needs_last`.
    write([all, wanted, 0])?;
    let kept = if needs_last() { all } else { wanted };
    write([kept, kept, 0])?;
    prctl(libc::PR_CAP_AMBIENT, [PR_CAP_AMBIENT_CLEAR_ALL, 0]).or_else(|error| {
        match error.raw_os_error() {
            Some(libc::EINVAL) => Ok(()), // before Linux 4.3 there were none
            _ => Err(error),
        }
    })?;
    Ok(Kept { capabilities: kept })
}

/// PR_SET_NO_NEW_PRIVS: no program that is started gains rights; needed before a filter of calls.
pub(super) fn forbid_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0])
}

/// `PR_CAP_AMBIENT_CLEAR_ALL` of linux/prctl.h.
const PR_CAP_AMBIENT_CLEAR_ALL: libc::c_ulong = 4;
/// Capabilities that a kernel may come to know: the sets have so many bits.
const CAPABILITIES_MAX: u32 = 64;

/// Needs CAP_SETPCAP: where it is lacking, no_new_privs keeps the set from being of use.
fn clear_bounding_set() {
    for number in 0..CAPABILITIES_MAX {
        if prctl(libc::PR_CAPBSET_DROP, [number.into(), 0]).is_err() {
            break; // the last that this kernel knows, or not allowed
        }
    }
}

/// All ids and no other groups, and capabilities kept for the moment.
fn become_user(account: &Account) -> io::Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, [1, 0])?;
    // SAFETY: a count of zero, so that no pointer is used; the others take numbers.
    let done = unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setresgid(account.gid, account.gid, account.gid) == 0
            && libc::setresuid(account.uid, account.uid, account.uid) == 0
    };
    if !done {
        return Err(io::Error::last_os_error());
    }
    prctl(libc::PR_SET_KEEPCAPS, [0, 0])
}

fn prctl(option: libc::c_int, [two, three]: [libc::c_ulong; 2]) -> io::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: none of the options used here takes a pointer.
    let result = unsafe { libc::prctl(option, two, three, zero, zero) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const fn bit(number: u32) -> u64 {
    match 1_u64.checked_shl(number) {
        Some(bit) => bit,
        None => 0,
    }
}

/// `struct __user_cap_header_struct`, and one of the two `__user_cap_data_struct` of version 3.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: 64 bits, low half first.
const VERSION: u32 = 0x2008_0522;

/// The calling thread's permitted, effective and inheritable capabilities, capget(2).
fn read() -> io::Result<[u64; 3]> {
    let (mut header, mut halves) = (Header { version: VERSION, pid: 0 }, [Half::default(); 2]);
    // SAFETY: both point to what this version reads and writes, and outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let [low, high] = halves;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok([
        join(low.permitted, high.permitted),
        join(low.effective, high.effective),
        join(low.inheritable, high.inheritable),
    ])
}

/// Sets them, capset(2).
fn write([permitted, effective, inheritable]: [u64; 3]) -> io::Result<()> {
    let half = |shift: u32| {
        let part = |set: u64| u32::try_from((set >> shift) & u64::from(u32::MAX)).unwrap_or(0);
        Half {
            effective: part(effective),
            permitted: part(permitted),
            inheritable: part(inheritable),
        }
    };
    let (mut header, halves) = (Header { version: VERSION, pid: 0 }, [half(0), half(32)]);
    // SAFETY: both point to what this version reads, and outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/ash\n\n:x:1:1\nnfa:x:453:454:nfa:/:/bin/false\n\
                          broken:x:none\nnfa:x:1:1\n";

    #[test]
    fn users_are_found_by_their_whole_names() {
        let found = Account::parse(PASSWD, "nfa").unwrap();
        assert_eq!((found.uid, found.gid), (453, 454));
        for name in ["", "nf", "broken", "nobody", "x"] {
            assert_eq!(Account::parse(PASSWD, name), None, "{name}");
        }
    }

    /// In a thread of its own, whose rights they are.
    #[test]
    fn rights_that_were_given_up_are_gone() {
        let given_up = std::thread::spawn(|| {
            let before = read().unwrap()[0];
            let kept = give_up(&[CAP_NET_ADMIN, CAP_NET_RAW], &[CAP_BPF], || false, None).unwrap();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let again = write([before, before, 0]);
            (before, kept, status, again)
        });
        let (before, kept, status, again) = given_up.join().unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
        };
        let wanted = (bit(CAP_NET_ADMIN) | bit(CAP_NET_RAW)) & before;
        assert_eq!((field("CapEff"), field("CapPrm"), kept.capabilities), (wanted, wanted, wanted));
        assert_eq!((field("CapInh"), field("CapAmb"), field("NoNewPrivs")), (0, 0, 1));
        if before & bit(8) == 0 {
            return println!("skipped: needs CAP_SETPCAP: the bounding set");
        }
        assert_eq!(field("CapBnd"), 0);
        assert!(again.is_err(), "what was given up cannot be taken back");
        assert_eq!(kept.to_string(), "CAP_NET_ADMIN, CAP_NET_RAW");
        assert_eq!(Kept { capabilities: 0 }.to_string(), "no capability");
    }

    #[test]
    fn what_turns_out_to_be_needed_stays() {
        let kept = std::thread::spawn(|| give_up(&[], &[CAP_NET_RAW], || true, None).unwrap());
        let kept = kept.join().unwrap();
        let is_root = super::super::effective_uid() == 0;
        assert_eq!(kept.to_string(), if is_root { "CAP_NET_RAW" } else { "no capability" });
    }
}
