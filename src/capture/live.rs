//! Frames of a network interface as they pass.

use super::{CaptureError, Frame, text};
use crate::sys;
use crate::time::Timestamp;
use crate::wire::LinkType;
use pcap::{Active, Capture};
use std::os::fd::{AsRawFd, RawFd};

/// Bytes kept per frame unless told otherwise. Dissectors want the first payload whole: a datagram
/// fits an MTU of 1500, and a ClientHello with a post-quantum key share (some 1800 bytes) arrives
/// as one frame of two segments where the kernel merges them (GRO). The kernel puts 80 bytes around a
/// frame, and libpcap gives none less than half a page: with one byte more the ring would hold half
/// as many frames in the same memory.
pub const SNAPLEN: u32 = 2048 - 80;

/// Size of the ring that the kernel fills: 768 frames, a burst of 9 ms at 1 Gbit/s. All of it is
/// resident from the start.
pub const BUFFER_BYTES: i32 = 3 << 19;

/// Bytes asked for of a packet that comes by NFLOG, where the rule's own `snaplen` says how much is
/// copied. libpcap reads messages into a buffer of 128 bytes more, which are too few for what the
/// kernel puts around a packet that was cut: so what is asked for is more than any packet has.
const NFLOG_SNAPLEN: u32 = 65_535;

/// A capture on one interface.
pub struct LiveCapture {
    interface: String,
    /// `None` for what is no interface: "any", "nflog:5".
    index: Option<u32>,
    link: LinkType,
    capture: Capture<Active>,
    /// Times that an NFLOG socket lost packets because it was full.
    overruns: u32,
}

/// Counters since the capture was opened; they wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveStats {
    /// Frames that the kernel handed to this capture, those it then dropped included.
    pub received: u32,
    /// Frames dropped because the ring was full; for NFLOG, how often that happened.
    pub dropped: u32,
    /// Frames that the interface or its driver dropped.
    pub interface_dropped: u32,
}

/// Names that libpcap gives to sources that are no interfaces.
fn is_pseudo(interface: &str) -> bool {
    interface == "any" || interface.starts_with("nflog") || interface.starts_with("nfqueue")
}

/// EAGAIN in libc's words: an NFLOG capture that must not block reports it as an error.
const NOTHING_YET: &str = "Resource temporarily unavailable";
/// ENOBUFS in libc's words: a netlink socket lost messages, and goes on (netlink(7)).
const NO_BUFFER_SPACE: &str = "No buffer space available";

/// EPERM and EACCES as libc words them, and libpcap's own explanation of either.
fn is_permission(detail: &str) -> bool {
    ["not permitted", "ermission", "CAP_NET"].iter().any(|words| detail.contains(words))
}

impl LiveCapture {
    /// Starts to capture on `interface`, also `any` or `nflog:GROUP`, at most `snaplen` bytes per
    /// frame: promiscuous (not so `any`, which cannot be), each frame at once, never blocking.
    pub fn open(interface: &str, snaplen: u32) -> Result<Self, CaptureError> {
        let index = sys::interface_index(interface);
        if index.is_none() && !is_pseudo(interface) {
            return Err(CaptureError::NoInterface { interface: interface.to_owned() });
        }
        let snaplen = if interface.starts_with("nflog") { NFLOG_SNAPLEN } else { snaplen };
        let opened = Capture::from_device(interface).and_then(|capture| {
            capture
                .promisc(interface != "any")
                .immediate_mode(true)
                .snaplen(i32::try_from(snaplen).unwrap_or(i32::MAX))
                .buffer_size(BUFFER_BYTES)
                .open()?
                .setnonblock()
        });
        match opened {
            Ok(capture) => {
                let link = LinkType::from(capture.get_datalink().0);
                Ok(LiveCapture {
                    interface: interface.to_owned(),
                    index,
                    link,
                    capture,
                    overruns: 0,
                })
            }
            Err(error) => {
                let detail = text(error);
                let interface = interface.to_owned();
                Err(if is_permission(&detail) {
                    CaptureError::Permission { interface, detail }
                } else {
                    stopped(interface, index, detail)
                })
            }
        }
    }

    /// The next frame, stamped with `now`; `None`: nothing more for now. libpcap's own stamps are
    /// of the wall clock, which steps when a router learns the time after boot.
    ///
    /// An interface that only goes down keeps its capture, and frames come again when it is up;
    /// one that is removed gives [`CaptureError::Removed`].
    pub fn next_frame(&mut self, now: Timestamp) -> Result<Option<Frame<'_>>, CaptureError> {
        match self.capture.next_packet() {
            Ok(packet) => Ok(Some(Frame::new(now, self.link, &packet))),
            Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => Ok(None),
            Err(error) => {
                let detail = text(error);
                if detail.ends_with(NO_BUFFER_SPACE) {
                    self.overruns = self.overruns.wrapping_add(1);
                    return Ok(None);
                }
                if detail.ends_with(NOTHING_YET) {
                    return Ok(None);
                }
                Err(stopped(self.interface.clone(), self.index, detail))
            }
        }
    }

    /// What to poll for reading.
    pub fn fd(&self) -> RawFd {
        self.capture.as_raw_fd()
    }

    /// What every frame starts with.
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// Whether it listens on one interface, not on `any` or an NFLOG group.
    pub const fn is_on_interface(&self) -> bool {
        self.index.is_some()
    }

    /// The name it was opened with.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether the interface it was opened on is there no more. A removal that libpcap does not
    /// report would leave the capture silent for ever.
    pub fn is_orphaned(&self) -> bool {
        self.index.is_some() && sys::interface_index(&self.interface) != self.index
    }

    /// Counters of the kernel.
    pub fn stats(&mut self) -> Result<LiveStats, CaptureError> {
        match self.capture.stats() {
            Ok(stat) => Ok(LiveStats {
                received: stat.received,
                dropped: stat.dropped.wrapping_add(self.overruns),
                interface_dropped: stat.if_dropped,
            }),
            Err(error) => Err(stopped(self.interface.clone(), self.index, text(error))),
        }
    }
}

/// Which kind of end `detail` tells of; the interface itself is asked first.
fn stopped(interface: String, index: Option<u32>, detail: String) -> CaptureError {
    let gone = index.is_some() && sys::interface_index(&interface) != index;
    if gone || detail.contains("disappeared") || detail.contains("No such device") {
        CaptureError::Removed { interface }
    } else if detail.contains("down") || detail.contains("not up") {
        CaptureError::Down { interface }
    } else {
        CaptureError::Live { interface, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interface_is_named_and_may_come() {
        let error = LiveCapture::open("nfa-none", SNAPLEN).err().unwrap();
        assert!(matches!(error, CaptureError::NoInterface { .. }));
        assert!(error.may_pass());
        assert_eq!(error.to_string(), "nfa-none: no such interface");
    }

    #[test]
    fn ends_are_told_apart() {
        let lo = sys::interface_index("lo");
        for (index, detail, expected) in [
            (lo, "The interface disappeared", "lo: the interface was removed"),
            (lo, "The interface went down", "lo: the interface is down"),
            (lo, "lo: That device is not up", "lo: the interface is down"),
            (Some(u32::MAX), "The interface went down", "lo: the interface was removed"),
            (lo, "recvfrom failed", "lo: recvfrom failed"),
        ] {
            assert_eq!(stopped("lo".to_owned(), index, detail.to_owned()).to_string(), expected);
        }
    }
}
