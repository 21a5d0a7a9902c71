//! The kernel-side filter: frames of decided flows are dropped before they are copied.
//!
//! Needs CAP_BPF or CAP_SYS_ADMIN while it is loaded (bpf(2)); without it, or on a kernel without
//! eBPF, every frame is copied as before.
#![allow(unsafe_code)]

use super::LiveCapture;
use super::bpf;
use crate::effect::FiveTuple;
use crate::net::{Endpoint, Transport};
use crate::wire::LinkType;
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Commands of bpf(2), linux/bpf.h.
const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP_ELEM: libc::c_int = 1;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const PROG_LOAD: libc::c_int = 5;

/// Kinds of maps and programs, and the flag that an entry takes memory only while it is there.
const MAP_TYPE_HASH: u32 = 1;
const MAP_TYPE_ARRAY: u32 = 2;
const NO_PREALLOC: u32 = 1;
const SOCKET_FILTER: u32 = 1;

/// Kernels before 5.8 lend the clock only to programs that may be distributed under the GPL.
const LICENCE: &CStr = c"Dual MIT/GPL";

/// The filter could not be made.
#[derive(Debug)]
pub struct FilterError {
    what: &'static str,
    source: io::Error,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

impl std::error::Error for FilterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What the kernel counted of one way of a flow instead of handing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Packets.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
}

/// Maps of the flows whose frames are not wanted, and the program that reads them. Each flow has
/// two entries, one for each way: about 120 bytes of the kernel's for IPv4, 150 for IPv6.
#[derive(Debug)]
pub struct FlowFilter {
    flows_v4: OwnedFd,
    flows_v6: OwnedFd,
    counter: OwnedFd,
    program: OwnedFd,
    /// Flows that found no room or were refused for another reason; wraps.
    refused: u32,
}

impl FlowFilter {
    /// Loads it for up to `flows_max` flows of each family, to pass at most `snaplen` bytes.
    pub fn load(flows_max: u32, snaplen: u32) -> Result<Self, FilterError> {
        let entries = flows_max.saturating_mul(2);
        let map = |kind, key: usize, value: usize, entries, flags| {
            create_map(kind, key, value, entries, flags)
                .map_err(|source| FilterError { what: "bpf map", source })
        };
        let hash = |key| map(MAP_TYPE_HASH, key, bpf::VALUE_BYTES, entries, NO_PREALLOC);
        let flows_v4 = hash(bpf::KEY_V4_BYTES)?;
        let flows_v6 = hash(bpf::KEY_V6_BYTES)?;
        let counter = map(MAP_TYPE_ARRAY, mem::size_of::<u32>(), mem::size_of::<u64>(), 1, 0)?;
        let code = bpf::flow_filter(
            flows_v4.as_raw_fd(),
            flows_v6.as_raw_fd(),
            counter.as_raw_fd(),
            i32::try_from(snaplen).unwrap_or(i32::MAX),
        );
        let program =
            load_program(&code).map_err(|source| FilterError { what: "bpf program", source })?;
        Ok(FlowFilter { flows_v4, flows_v6, counter, program, refused: 0 })
    }

    /// Puts it before `capture`. Only Ethernet frames are understood: others are refused with
    /// `ENOTSUP`, and the capture goes on without.
    pub fn attach(&self, capture: &LiveCapture) -> Result<(), FilterError> {
        let failed = |source| FilterError { what: "bpf filter", source };
        if !is_understood(capture) {
            return Err(failed(io::Error::from_raw_os_error(libc::ENOTSUP)));
        }
        let program = self.program.as_raw_fd();
        // SAFETY: SO_ATTACH_BPF wants the number of a program's descriptor.
        unsafe { set_option(capture.fd(), libc::SO_ATTACH_BPF, &program) }.map_err(failed)
    }

    /// Frames of this flow are not wanted any more, either way, but for SYN, FIN, RST and a sign
    /// of life every five seconds; and for those of fewer than `below` bytes that carry something.
    pub fn silence(&mut self, flow: &FiveTuple, below: u16) {
        for (map, key) in self.keys(flow) {
            // Never let through so far: the next packet is.
            let mut value = [0u8; bpf::VALUE_BYTES];
            if let Some(size) = value.get_mut(8..16) {
                size.copy_from_slice(&u64::from(below).to_ne_bytes());
            }
            if change(MAP_UPDATE_ELEM, map, &key, Some(value)).is_err() {
                self.refused = self.refused.wrapping_add(1);
            }
        }
    }

    /// Frames of this flow are wanted again.
    pub fn resume(&mut self, flow: &FiveTuple) {
        for (map, key) in self.keys(flow) {
            // What is not there need not go.
            let _ = change(MAP_DELETE_ELEM, map, &key, None);
        }
    }

    /// Packets and IP bytes of a flow that were dropped since it was silenced, of what its source
    /// sent and of what its destination did. Nothing of a flow that is not silenced.
    pub fn unread(&self, flow: &FiveTuple) -> [Unread; 2] {
        let mut found = [Unread::default(); 2];
        for ((map, key), of) in self.keys(flow).into_iter().zip(&mut found) {
            let mut value = [0u64; bpf::VALUE_BYTES / 8];
            if read(map, &key, &mut value).is_ok() {
                let [_, _, bytes, packets] = value;
                *of = Unread { packets, bytes };
            }
        }
        found
    }

    /// Frames dropped since it was loaded.
    pub fn dropped(&self) -> u64 {
        look_up(self.counter.as_raw_fd()).unwrap_or(0)
    }

    /// Whether its maps can be read and changed with the rights that this process has now.
    pub fn is_usable(&self) -> bool {
        look_up(self.counter.as_raw_fd()).is_ok()
    }

    /// Entries that found no room.
    pub const fn refused(&self) -> u32 {
        self.refused
    }

    /// Map and key of each way; nothing for what the program does not look at.
    fn keys(&self, flow: &FiveTuple) -> Vec<(RawFd, Vec<u8>)> {
        let number: u32 = match flow.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
            Transport::Other(_) => return Vec::new(),
        };
        [(flow.source, flow.destination), (flow.destination, flow.source)]
            .into_iter()
            .filter_map(|(from, to)| {
                let map = if from.addr.is_ipv4() { &self.flows_v4 } else { &self.flows_v6 };
                Some((map.as_raw_fd(), key(from, to, number)?))
            })
            .collect()
    }
}

/// For kernels that lend us no eBPF: drops the TCP segments that carry nothing and neither open nor
/// close a connection.
pub fn drop_bare_acknowledgements(capture: &LiveCapture, snaplen: u32) -> Result<(), FilterError> {
    let failed = |source| FilterError { what: "classic filter", source };
    if !is_understood(capture) {
        return Err(failed(io::Error::from_raw_os_error(libc::ENOTSUP)));
    }
    let code = bpf::bare_acknowledgements(snaplen);
    let program = libc::sock_fprog {
        len: libc::c_ushort::try_from(code.len()).unwrap_or(0),
        filter: code.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `program` names `code`, which the kernel only reads; an instruction has 8 bytes in
    // both. The kernel copies what is not aligned for it.
    unsafe { set_option(capture.fd(), libc::SO_ATTACH_FILTER, &program) }.map_err(failed)
}

/// Both programs read Ethernet frames as an interface has them.
fn is_understood(capture: &LiveCapture) -> bool {
    capture.link() == LinkType::Ethernet && capture.is_on_interface()
}

/// A key as the program makes it: addresses and ports as on the wire, the transport as a number of
/// the machine.
fn key(from: Endpoint, to: Endpoint, transport: u32) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(bpf::KEY_V6_BYTES);
    match (from.addr, to.addr) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            key.extend(from.octets());
            key.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            key.extend(from.octets());
            key.extend(to.octets());
        }
        _ => return None,
    }
    key.extend(from.port.to_be_bytes());
    key.extend(to.port.to_be_bytes());
    key.extend(transport.to_ne_bytes());
    Some(key)
}

/// The first fields of `union bpf_attr` for MAP_CREATE; what follows may be left out.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// The same for the commands on elements. Pointers take 64 bits on every machine.
#[repr(C)]
struct MapElement {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The same for PROG_LOAD.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

/// bpf(2).
///
/// # Safety
/// `attr` is laid out as the command expects, and each pointer in it is good for the call.
unsafe fn bpf<T>(command: libc::c_int, attr: &T) -> io::Result<libc::c_int> {
    let attr_ptr: *const T = attr;
    // SAFETY: `attr_ptr` is valid for its size; the caller answers for what is inside.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr_ptr, mem::size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(libc::c_int::try_from(result).unwrap_or(libc::c_int::MAX))
}

fn address<T: ?Sized>(pointer: *const T) -> u64 {
    pointer.cast::<u8>().addr() as u64 // lossless: no machine of ours has wider pointers
}

fn number(fd: RawFd) -> u32 {
    u32::try_from(fd).unwrap_or(u32::MAX) // no descriptor: the kernel answers EBADF
}

fn create_map(
    map_type: u32,
    key: usize,
    value: usize,
    max_entries: u32,
    map_flags: u32,
) -> io::Result<OwnedFd> {
    let attr = MapCreate {
        map_type,
        key_size: u32::try_from(key).unwrap_or(u32::MAX),
        value_size: u32::try_from(value).unwrap_or(u32::MAX),
        max_entries,
        map_flags,
    };
    // SAFETY: the layout is MAP_CREATE's and there is no pointer in it.
    let made = unsafe { bpf(MAP_CREATE, &attr) };
    let fd = match made {
        // Before Linux 5.11 maps count against RLIMIT_MEMLOCK, 64 kB unless raised.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            let limit =
                libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: `limit` lives through the call.
            unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
            // SAFETY: as above.
            unsafe { bpf(MAP_CREATE, &attr) }?
        }
        made => made?,
    };
    // SAFETY: `fd` was made just now and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn load_program(code: &[bpf::Insn]) -> io::Result<OwnedFd> {
    let attr = ProgLoad {
        prog_type: SOCKET_FILTER,
        insn_cnt: u32::try_from(code.len()).unwrap_or(u32::MAX),
        insns: address(code.as_ptr()),
        license: address(LICENCE.as_ptr()),
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: the layout is PROG_LOAD's; `code` has so many instructions of 8 bytes, the licence
    // ends with a zero byte, and both live through the call.
    let fd = unsafe { bpf(PROG_LOAD, &attr) }?;
    // SAFETY: `fd` was made just now and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// setsockopt(2).
///
/// # Safety
/// `value` is what SOL_SOCKET's `option` expects, and each pointer in it is good for the call.
unsafe fn set_option<T>(socket: RawFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or_default();
    let value: *const T = value;
    // SAFETY: `value` points to `size` bytes; the caller answers for what they are.
    let result = unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, option, value.cast(), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets or deletes one entry. `key` is as long as the map's keys are.
fn change(
    command: libc::c_int,
    map: RawFd,
    key: &[u8],
    value: Option<[u8; bpf::VALUE_BYTES]>,
) -> io::Result<()> {
    let attr = MapElement {
        map_fd: number(map),
        padding: 0,
        key: address(key.as_ptr()),
        value: value.as_ref().map_or(0, |value| address(value.as_ptr())),
        flags: 0,
    };
    // SAFETY: the layout is that of commands on elements; key and value have the sizes that the
    // map was made with (`key`, VALUE_BYTES) and live through the call.
    unsafe { bpf(command, &attr) }.map(|_| ())
}

/// Reads one entry of a map of flows. `key` is as long as the map's keys are.
fn read(map: RawFd, key: &[u8], value: &mut [u64; bpf::VALUE_BYTES / 8]) -> io::Result<()> {
    let attr = MapElement {
        map_fd: number(map),
        padding: 0,
        key: address(key.as_ptr()),
        value: address(value.as_mut_ptr()),
        flags: 0,
    };
    // SAFETY: the layout is that of commands on elements; `key` has the size that the map was made
    // with, and the kernel writes VALUE_BYTES into `value`. Both live through the call.
    unsafe { bpf(MAP_LOOKUP_ELEM, &attr) }.map(|_| ())
}

/// The first entry of the counter.
fn look_up(map: RawFd) -> io::Result<u64> {
    let (key, mut value) = (0u32, 0u64);
    let attr = MapElement {
        map_fd: number(map),
        padding: 0,
        key: address(&raw const key),
        value: address(&raw mut value),
        flags: 0,
    };
    // SAFETY: the layout is that of commands on elements; the counter's key has 4 bytes and its
    // value 8, which the kernel writes into `value`.
    unsafe { bpf(MAP_LOOKUP_ELEM, &attr) }?;
    Ok(value)
}
