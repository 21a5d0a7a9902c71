//! The system calls that std lacks, as small safe functions: poll, signals, clocks, interfaces.
#![allow(unsafe_code)]

mod calls;
pub mod privilege;
pub mod seccomp;

pub use privilege::CAP_NET_RAW;

use crate::time::Timestamp;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

/// What to wait for on a descriptor; errors and hang-ups are always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Until it can be read.
    Read,
    /// Until it can be written.
    Write,
    /// Until either.
    Both,
}

/// One descriptor for [`poll`], poll(2).
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct PollFd(libc::pollfd);

impl PollFd {
    /// Waits for `interest` on `fd`. A closed `fd` is reported by [`failed`](Self::failed).
    pub const fn new(fd: RawFd, interest: Interest) -> Self {
        let events = match interest {
            Interest::Read => libc::POLLIN,
            Interest::Write => libc::POLLOUT,
            Interest::Both => libc::POLLIN | libc::POLLOUT,
        };
        PollFd(libc::pollfd { fd, events, revents: 0 })
    }

    /// The descriptor.
    pub const fn fd(&self) -> RawFd {
        self.0.fd
    }

    /// Whether the last poll found something to read.
    pub const fn can_read(&self) -> bool {
        self.0.revents & libc::POLLIN != 0
    }

    /// Whether the last poll found room to write.
    pub const fn can_write(&self) -> bool {
        self.0.revents & libc::POLLOUT != 0
    }

    /// Whether the last poll found an error, a hang-up or a closed descriptor: reading or writing
    /// will say which.
    pub const fn failed(&self) -> bool {
        self.0.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0
    }

    /// Whether the last poll found anything.
    pub const fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// Sleeps until one of `fds` is ready or `timeout` is over (`None`: without end); how many are
/// ready. A signal that interrupts is a normal return of 0. The time-out is rounded up to
/// milliseconds, so that a deadline has passed when it is over.
pub fn poll(fds: &mut [PollFd], timeout: Option<Duration>) -> io::Result<usize> {
    let timeout_ms = timeout.map_or(-1, |timeout| {
        i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    let count = libc::nfds_t::try_from(fds.len()).map_err(io::Error::other)?;
    // SAFETY: `PollFd` is a transparent `pollfd`, `fds` holds `count` of them, and is borrowed
    // mutably for the call.
    let ready = unsafe { libc::poll(fds.as_mut_ptr().cast(), count, timeout_ms) };
    if let Ok(ready) = usize::try_from(ready) {
        return Ok(ready);
    }
    let error = io::Error::last_os_error();
    if error.kind() != io::ErrorKind::Interrupted {
        return Err(error);
    }
    for fd in fds {
        fd.0.revents = 0; // poll(2) leaves them as they were
    }
    Ok(0)
}

/// The signals that the daemon understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Hangup,
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGUSR1.
    User1,
}

impl Signal {
    /// Each with its number, signal(7).
    const ALL: [(Signal, libc::c_int); 4] = [
        (Signal::Hangup, libc::SIGHUP),
        (Signal::Terminate, libc::SIGTERM),
        (Signal::Interrupt, libc::SIGINT),
        (Signal::User1, libc::SIGUSR1),
    ];
}

/// Signals as something to poll, signalfd(2).
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the four signals of [`Signal`] in the calling thread and in those it starts later, so
    /// call it before any is started. They stay blocked when the `SignalFd` is dropped.
    pub fn open() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset writes the whole set, which only then is taken as initialized.
        let mut set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for (_, number) in Signal::ALL {
            // SAFETY: `set` is an initialized set and `number` a signal.
            unsafe { libc::sigaddset(&raw mut set, number) };
        }
        // SAFETY: `set` is initialized; a null old set is allowed.
        let blocked =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if blocked != 0 {
            return Err(io::Error::from_raw_os_error(blocked));
        }
        // SAFETY: `set` is initialized; -1 asks for a new descriptor.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was made just now and belongs to nobody else.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal that came; `None`: no more for now.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        const SIZE: usize = mem::size_of::<libc::signalfd_siginfo>();
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        // SAFETY: `info` has room for SIZE bytes and is written only by the kernel.
        let count = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), SIZE) };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            };
        }
        // SAFETY: zero is a valid value of each of its fields, all integers.
        let number = unsafe { info.assume_init() }.ssi_signo;
        Ok(Signal::ALL
            .iter()
            .find(|(_, own)| u32::try_from(*own) == Ok(number))
            .map(|(signal, _)| *signal))
    }
}

impl AsRawFd for SignalFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Tells when interfaces or their addresses change, rtnetlink(7).
#[derive(Debug)]
pub struct LinkWatch(OwnedFd);

impl LinkWatch {
    /// Starts to watch.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was made just now and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all fields of a sockaddr_nl are integers, for which zero is valid.
        let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
        address.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).unwrap_or_default();
        // RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of linux/rtnetlink.h.
        address.nl_groups = 0x1 | 0x10 | 0x100;
        let size = libc::socklen_t::try_from(mem::size_of_val(&address)).unwrap_or_default();
        // SAFETY: `address` is a sockaddr_nl of `size` bytes that lives through the call.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), size) };
        if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(LinkWatch(fd)) }
    }

    /// Whether anything changed since the last call. What it was is for the caller to look up.
    pub fn drain(&self) -> bool {
        let mut buffer = [0u8; 4096];
        let mut changed = false;
        // More than this at once is a storm: the rest is seen in the next turn.
        for _ in 0..256 {
            // SAFETY: `buffer` has room for as many bytes as are asked for.
            let count = unsafe {
                libc::recv(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0)
            };
            let lost =
                count < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOBUFS);
            if count < 0 && !lost {
                break;
            }
            changed = true;
        }
        changed
    }
}

impl AsRawFd for LinkWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Time since boot by a clock that never steps; it counts while the machine sleeps where the
/// kernel can (CLOCK_BOOTTIME, clock_gettime(2)).
pub fn monotonic() -> Timestamp {
    // Has private padding where time_t is wider than long, so it cannot be written as a literal.
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    for clock in [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC] {
        // SAFETY: `time` is a timespec of the size that this libc writes.
        if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } == 0 {
            break;
        }
    }
    // SAFETY: zero is a valid value of its fields, all integers.
    let time = unsafe { time.assume_init() };
    Timestamp::from_parts(wide(time.tv_sec), wide(time.tv_nsec) / 1000)
}

/// Time since the Unix epoch; zero before it. May step either way.
pub fn wall_clock() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// C's time types have 32 or 64 bits.
fn wide(value: impl Into<i64>) -> i64 {
    value.into()
}

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub interface: String,
    /// The address itself, host bits kept.
    pub addr: IpAddr,
    /// Length of its network's prefix in bits.
    pub prefix_bits: u8,
}

/// All IP addresses of this host, or those of the interface `name`, getifaddrs(3). An interface
/// that does not exist has none.
pub fn interface_networks(name: Option<&str>) -> io::Result<Vec<InterfaceAddress>> {
    let mut list = std::ptr::null_mut();
    // SAFETY: getifaddrs writes one pointer.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let list = Interfaces(list);
    let mut found = Vec::new();
    let mut next: *const libc::ifaddrs = list.0;
    // SAFETY: `next` is null or an element of the list, which lives until `list` is dropped.
    while let Some(element) = unsafe { next.as_ref() } {
        next = element.ifa_next;
        // SAFETY: ifa_name is a C string of the list.
        let interface = unsafe { CStr::from_ptr(element.ifa_name) }.to_string_lossy();
        if name.is_some_and(|name| name != interface) {
            continue;
        }
        // SAFETY: ifa_addr is null or a socket address as long as its family says.
        let Some(addr) = (unsafe { address(element.ifa_addr) }) else { continue };
        // SAFETY: as ifa_addr; an interface address's mask has its family.
        let prefix_bits = match unsafe { address(element.ifa_netmask) } {
            Some(IpAddr::V4(mask)) => u32::from(mask).leading_ones(),
            Some(IpAddr::V6(mask)) => u128::from(mask).leading_ones(),
            None if addr.is_ipv4() => 32,
            None => 128,
        };
        let prefix_bits = u8::try_from(prefix_bits).unwrap_or(u8::MAX); // at most 128
        found.push(InterfaceAddress { interface: interface.into_owned(), addr, prefix_bits });
    }
    Ok(found)
}

/// A list of getifaddrs, freed when dropped.
struct Interfaces(*mut libc::ifaddrs);

impl Drop for Interfaces {
    fn drop(&mut self) {
        // SAFETY: the list came from getifaddrs and is freed once.
        unsafe { libc::freeifaddrs(self.0) }
    }
}

/// The IP address in a socket address; `None` for null and other families.
///
/// # Safety
/// `socket` is null or points to a socket address as long as its family says.
unsafe fn address(socket: *const libc::sockaddr) -> Option<IpAddr> {
    if socket.is_null() {
        return None;
    }
    // SAFETY: every socket address starts with its family; no alignment is assumed.
    let family = unsafe { (&raw const (*socket).sa_family).read_unaligned() };
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: of this family, so it has this length.
            let socket = unsafe { socket.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(socket.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: of this family, so it has this length.
            let socket = unsafe { socket.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(socket.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

/// The number of a network interface, if one of this name exists now, if_nametoindex(3).
pub fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a C string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// Whether the process has that capability; taken for granted where `/proc` does not tell.
pub fn has_capability(number: u32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    let digits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    set.is_none_or(|set| set.checked_shr(number).is_some_and(|rest| rest & 1 == 1))
}

/// Whose rights the process at the other end of a Unix stream socket had when it connected,
/// SO_PEERCRED of unix(7).
pub fn peer_uid(socket: &UnixStream) -> io::Result<u32> {
    // SAFETY: all fields of a ucred are integers, for which zero is valid.
    let mut peer: libc::ucred = unsafe { mem::zeroed() };
    let mut size = libc::socklen_t::try_from(mem::size_of_val(&peer)).unwrap_or_default();
    // SAFETY: `peer` has room for the `size` bytes that the kernel writes at most.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(peer.uid) }
}

/// Whose rights this process has; 0 is root.
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Processors that are switched on. Unlike `std::thread::available_parallelism` not those that a
/// control group leaves us: that reads files, in 2.3 kB of code.
pub fn processors() -> usize {
    // SAFETY: sysconf takes a number and changes nothing.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Instant;

    #[test]
    fn poll_sees_readable_and_writable_ends_and_closed_ones() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut fds = [
            PollFd::new(reader.as_raw_fd(), Interest::Read),
            PollFd::new(writer.as_raw_fd(), Interest::Both),
        ];
        assert_eq!(poll(&mut fds, None).unwrap(), 1);
        assert!(!fds[0].is_ready() && fds[1].can_write() && !fds[1].can_read());
        writer.write_all(b"x").unwrap();
        assert_eq!(poll(&mut fds, Some(Duration::ZERO)).unwrap(), 2);
        assert!(fds[0].can_read() && !fds[0].failed());
        drop(writer);
        let mut fds =
            [PollFd::new(reader.as_raw_fd(), Interest::Read), PollFd::new(-1, Interest::Read)];
        assert_eq!(poll(&mut fds, None).unwrap(), 1);
        assert!(fds[0].failed() && fds[0].can_read());
        assert!(!fds[1].is_ready()); // negative descriptors are passed over
    }

    #[test]
    fn a_timeout_is_never_short() {
        let start = Instant::now();
        assert_eq!(poll(&mut [], Some(Duration::from_micros(1_500))).unwrap(), 0);
        assert!(start.elapsed() >= Duration::from_micros(1_500));
        let (_, writer) = io::pipe().unwrap();
        let mut fds = [PollFd::new(writer.as_raw_fd(), Interest::Read)];
        assert_eq!(poll(&mut fds, Some(Duration::MAX)).unwrap(), 1); // hung up
    }

    /// In a thread of its own: the mask and the signals are that thread's.
    #[test]
    fn signals_arrive_through_the_descriptor() {
        let seen = std::thread::spawn(|| {
            let signals = SignalFd::open().unwrap();
            assert_eq!(signals.read().unwrap(), None);
            for (_, number) in Signal::ALL {
                // SAFETY: the signal is blocked in this thread, the only one it goes to.
                assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), number) }, 0);
            }
            let mut fds = [PollFd::new(signals.as_raw_fd(), Interest::Read)];
            assert_eq!(poll(&mut fds, Some(Duration::from_secs(5))).unwrap(), 1);
            let mut seen = Vec::new();
            while let Some(signal) = signals.read().unwrap() {
                seen.push(signal);
            }
            seen
        });
        let seen = seen.join().unwrap();
        assert_eq!(seen.len(), Signal::ALL.len());
        for (signal, _) in Signal::ALL {
            assert!(seen.contains(&signal), "{signal:?}");
        }
    }

    #[test]
    fn an_interrupted_poll_is_a_normal_return() {
        extern "C" fn nothing(_: libc::c_int) {}
        // SAFETY: SIGUSR2 is used nowhere else; its handler does nothing; no SA_RESTART.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()), 0);
        }
        // SAFETY: pthread_self cannot fail.
        let waiting = unsafe { libc::pthread_self() } as usize;
        let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stop = std::sync::Arc::clone(&done);
        let sender = std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                // SAFETY: the waiting thread joins this one, so it still exists.
                unsafe { libc::pthread_kill(waiting as libc::pthread_t, libc::SIGUSR2) };
            }
        });
        let start = Instant::now();
        assert_eq!(poll(&mut [], Some(Duration::from_secs(30))).unwrap(), 0);
        assert!(start.elapsed() < Duration::from_secs(20));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        sender.join().unwrap();
    }

    #[test]
    fn clocks_go_forward() {
        let before = monotonic();
        std::thread::sleep(Duration::from_millis(5));
        let passed = monotonic().since(before);
        assert!(passed >= Duration::from_millis(5) && passed < Duration::from_secs(60));
        assert!(wall_clock() > Duration::from_secs(1_700_000_000));
        assert!(monotonic().as_micros() > 0);
    }

    #[test]
    fn loopback_has_its_networks_and_number() {
        let lo = interface_networks(Some("lo")).unwrap();
        let four = InterfaceAddress {
            interface: "lo".to_owned(),
            addr: Ipv4Addr::LOCALHOST.into(),
            prefix_bits: 8,
        };
        assert!(lo.contains(&four), "{lo:?}");
        if let Some(six) = lo.iter().find(|found| found.addr == Ipv6Addr::LOCALHOST) {
            assert_eq!(six.prefix_bits, 128);
        }
        let all = interface_networks(None).unwrap();
        assert!(lo.iter().all(|own| all.contains(own)));
        assert_eq!(interface_networks(Some("no-such-name")).unwrap(), []);
        assert_eq!(interface_index("lo"), Some(1));
        assert_eq!(interface_index("no-such-name"), None);
        assert_eq!(interface_index("l\0o"), None);
    }

    #[test]
    fn the_effective_user_is_the_one_proc_says() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
        let effective = line.split_whitespace().nth(1).unwrap();
        assert_eq!(effective.parse(), Ok(effective_uid()));
    }

    #[test]
    fn the_peer_of_a_pair_is_ourselves() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(peer_uid(&one).unwrap(), effective_uid());
    }

    #[test]
    fn a_watch_comes_to_rest() {
        let watch = LinkWatch::open().unwrap();
        assert!((0..100).any(|_| !watch.drain()));
        let mut fds = [PollFd::new(watch.as_raw_fd(), Interest::Read)];
        poll(&mut fds, Some(Duration::ZERO)).unwrap();
        assert!(!fds[0].failed());
    }
}
