//! Why there are no frames: each variant is a case that the program treats differently.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A source could not be opened, or stopped.
#[derive(Debug)]
pub enum CaptureError {
    /// The file cannot be read: missing, no permission, a directory, a failing disk.
    Read {
        /// Which file; `-` is standard input.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file has no bytes.
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// Neither pcap nor pcapng, or a kind of them that libpcap does not read.
    NotCapture {
        /// Which file.
        path: PathBuf,
        /// libpcap's reason.
        detail: String,
    },
    /// The file ends inside a header or a packet; all packets before were handed out.
    Truncated {
        /// Which file.
        path: PathBuf,
        /// libpcap's reason.
        detail: String,
    },
    /// A length or block inside the file makes no sense; the rest cannot be read.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// libpcap's reason.
        detail: String,
    },
    /// The compressed stream is damaged or ends early.
    Gzip {
        /// Which file.
        path: PathBuf,
        /// What the decompressor says.
        source: io::Error,
    },
    /// No interface of this name now: wait for it.
    NoInterface {
        /// The name asked for.
        interface: String,
    },
    /// The interface exists and is down: wait, then open again.
    Down {
        /// Its name.
        interface: String,
    },
    /// The interface was removed, or made anew under its name: close, wait, open again.
    Removed {
        /// The name it had.
        interface: String,
    },
    /// This process may not capture: no use in trying again.
    Permission {
        /// The interface asked for.
        interface: String,
        /// libpcap's reason.
        detail: String,
    },
    /// Any other failure of a live capture.
    Live {
        /// Its interface.
        interface: String,
        /// libpcap's reason.
        detail: String,
    },
}

impl CaptureError {
    /// Whether opening again later may help, because interfaces come and go.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::NoInterface { .. } | Self::Down { .. } | Self::Removed { .. })
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Empty { path } => {
                write!(f, "{}: the file is empty, expected a capture", path.display())
            }
            Self::NotCapture { path, detail } => {
                write!(f, "{}: not a pcap or pcapng capture: {detail}", path.display())
            }
            Self::Truncated { path, detail } => {
                write!(f, "{}: the capture is cut short: {detail}", path.display())
            }
            Self::Damaged { path, detail } => {
                write!(f, "{}: the capture is damaged: {detail}", path.display())
            }
            Self::Gzip { path, source } => {
                write!(f, "{}: the gzip stream is damaged or cut short: {source}", path.display())
            }
            Self::NoInterface { interface } => write!(f, "{interface}: no such interface"),
            Self::Down { interface } => write!(f, "{interface}: the interface is down"),
            Self::Removed { interface } => write!(f, "{interface}: the interface was removed"),
            Self::Permission { interface, detail } => write!(
                f,
                "{interface}: no permission to capture, run as root or with CAP_NET_RAW and \
                 CAP_NET_ADMIN: {detail}"
            ),
            Self::Live { interface, detail } => write!(f, "{interface}: {detail}"),
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Gzip { source, .. } => Some(source),
            _ => None,
        }
    }
}
