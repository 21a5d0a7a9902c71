//! Where frames come from: a live interface or a capture file, handed on as one type.
//!
//! Both go through libpcap, which knows the formats and the kernel's ring; only the classic file
//! format has a quicker reader of its own. libpcap's filter compiler is not used: one call would
//! link 200 kB of it into the program.

mod bpf;
mod error;
mod file;
mod filter;
mod live;
mod plain;
mod pump;

pub use error::CaptureError;
pub use file::{CaptureFile, Progress};
pub use filter::{FilterError, FlowFilter, Unread, drop_bare_acknowledgements};
pub use live::{BUFFER_BYTES, LiveCapture, LiveStats, SNAPLEN};

use crate::time::Timestamp;
use crate::wire::LinkType;

// libpcap's packet header starts with C's `struct timeval`. musl 1.2 has a 64-bit time_t on every
// machine; if the libc crate believes otherwise, packet lengths are read from the wrong place and
// slices reach beyond the buffer. `--cfg=libc_unstable_musl_v1_2` in RUSTFLAGS makes it right.
#[cfg(target_env = "musl")]
const _: () = assert!(
    size_of::<libc::timeval>() == 16,
    "build with --cfg=libc_unstable_musl_v1_2: musl's time_t has 64 bits"
);

/// One captured frame, borrowed from its source until the next is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When: of a file, what the file says; live, what the caller said.
    pub at: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
    /// What was captured.
    pub bytes: &'a [u8],
    /// Bytes of the frame on the wire; never below `bytes.len()`.
    pub wire_len: u32,
}

impl<'a> Frame<'a> {
    fn new(at: Timestamp, link: LinkType, packet: &pcap::Packet<'a>) -> Self {
        let captured = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
        Frame { at, link, bytes: packet.data, wire_len: packet.header.len.max(captured) }
    }
}

/// What libpcap says, without the crate's own introduction.
fn text(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}
