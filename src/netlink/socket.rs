//! The NETLINK_NETFILTER socket: the only file here that calls libc.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Room for what the kernel answers, in bytes: 200 failures of one send at about 1.3 kB each
/// (a netlink answer takes that much of a socket's account), and bursts of events.
const RECEIVE_ROOM_BYTES: libc::c_int = 1 << 20;
/// Room for one send, in bytes. A larger send fails with `EMSGSIZE`.
const SEND_ROOM_BYTES: libc::c_int = 1 << 19;
/// Interrupted calls are repeated this often.
const MOST_INTERRUPTIONS: u32 = 64;

/// What a receive call gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes of the kernel's are in the buffer.
    Bytes(usize),
    /// Nothing is there (yet).
    Nothing,
    /// `ENOBUFS`: messages were lost.
    Overrun,
    /// A message did not fit the buffer and is lost.
    Truncated,
}

/// A socket that speaks to netfilter only. Counts its system calls.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    port: u32,
    calls: u64,
}

impl Socket {
    /// Opens it, closed on exec. Options that an old kernel lacks are left out.
    pub fn open() -> io::Result<Socket> {
        // SAFETY: socket(2) takes no pointer.
        let fd = unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                libc::NETLINK_NETFILTER,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fd was just opened here and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut socket = Socket { fd, port: 0, calls: 1 };
        for (level, option, value) in [
            // Linux 4.3: errors come back without a copy of the request.
            (libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1),
            // Linux 4.12: errors come with the kernel's text.
            (libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1),
        ] {
            let _ = socket.set_option(level, option, value);
        }
        socket.room(libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, SEND_ROOM_BYTES);
        socket.room(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, RECEIVE_ROOM_BYTES);
        socket.bind()?;
        Ok(socket)
    }

    /// Lets the kernel choose this socket's number, and asks which it is.
    fn bind(&mut self) -> io::Result<()> {
        self.calls = self.calls.saturating_add(2);
        // SAFETY: sockaddr_nl is plain numbers, for which zero is a value.
        let mut own: libc::sockaddr_nl = unsafe { mem::zeroed() };
        own.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).unwrap_or(0);
        let mut length = length_of::<libc::sockaddr_nl>();
        // SAFETY: the pointer is to a sockaddr_nl that outlives the call, the length is its size.
        let bound = unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const own).cast(), length) };
        if bound != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above, and `length` outlives the call.
        let named = unsafe {
            libc::getsockname(self.fd.as_raw_fd(), (&raw mut own).cast(), &raw mut length)
        };
        if named != 0 {
            return Err(io::Error::last_os_error());
        }
        self.port = own.nl_pid;
        Ok(())
    }

    /// The socket's number: events tell by it whose change they are of.
    pub const fn port(&self) -> u32 {
        self.port
    }

    /// The force option needs `CAP_NET_ADMIN`; the other stops at the system's limit.
    fn room(&mut self, force: libc::c_int, plain: libc::c_int, bytes: libc::c_int) {
        if self.set_option(libc::SOL_SOCKET, force, bytes).is_err() {
            let _ = self.set_option(libc::SOL_SOCKET, plain, bytes);
        }
    }

    fn set_option(
        &mut self,
        level: libc::c_int,
        option: libc::c_int,
        value: libc::c_int,
    ) -> io::Result<()> {
        self.calls = self.calls.saturating_add(1);
        let length = length_of::<libc::c_int>();
        // SAFETY: the pointer is to a c_int that outlives the call, and the length is its size.
        let result = unsafe {
            libc::setsockopt(self.fd.as_raw_fd(), level, option, (&raw const value).cast(), length)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Joins a multicast group (`NFNLGRP_*`): its events arrive from now on.
    pub fn join(&mut self, group: u32) -> io::Result<()> {
        let group = libc::c_int::try_from(group).unwrap_or(libc::c_int::MAX);
        self.set_option(libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group)
    }

    /// Sends `bytes` to the kernel, all or nothing.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for _ in 0..MOST_INTERRUPTIONS {
            self.calls = self.calls.saturating_add(1);
            // SAFETY: pointer and length are those of one slice. Without an address the kernel
            // is the receiver.
            let sent =
                unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
            if usize::try_from(sent).is_ok_and(|sent| sent == bytes.len()) {
                return Ok(());
            }
            let error =
                if sent < 0 { io::Error::last_os_error() } else { io::ErrorKind::WriteZero.into() };
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// What is there; does not wait.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        for _ in 0..MOST_INTERRUPTIONS {
            self.calls = self.calls.saturating_add(1);
            // SAFETY: sockaddr_nl is plain numbers, for which zero is a value.
            let mut from: libc::sockaddr_nl = unsafe { mem::zeroed() };
            let mut length = length_of::<libc::sockaddr_nl>();
            // SAFETY: buffer's pointer and length belong together; `from` and `length` outlive
            // the call and `length` is the size of `from`. With MSG_TRUNC the result may exceed
            // the buffer's length, which is checked below.
            let got = unsafe {
                libc::recvfrom(
                    self.fd.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                    (&raw mut from).cast(),
                    &raw mut length,
                )
            };
            let Ok(got) = usize::try_from(got) else {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EINTR) => continue,
                    Some(libc::EAGAIN) => return Ok(Received::Nothing),
                    Some(libc::ENOBUFS) => return Ok(Received::Overrun),
                    _ => return Err(error),
                }
            };
            if from.nl_pid != 0 {
                continue; // not from the kernel
            }
            if got > buffer.len() {
                return Ok(Received::Truncated);
            }
            return Ok(Received::Bytes(got));
        }
        Ok(Received::Nothing)
    }

    /// Waits until something is there, for at most that long (whole milliseconds). False: nothing.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let timeout = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
        for _ in 0..MOST_INTERRUPTIONS {
            self.calls = self.calls.saturating_add(1);
            let mut poll =
                libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: the pointer is to one pollfd that outlives the call, and the count is one.
            let ready = unsafe { libc::poll(&raw mut poll, 1, timeout) };
            if ready >= 0 {
                return Ok(ready > 0);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(false)
    }

    /// System calls made so far.
    pub const fn calls(&self) -> u64 {
        self.calls
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or(0)
}
