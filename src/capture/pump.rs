//! A thread that gives libpcap a pipe to read: for gzip, standard input and named pipes.
//!
//! libpcap opens files by name only, so the pipe's name is given: its descriptor under /proc.

use flate2::read::MultiGzDecoder;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// First bytes of a gzip member, RFC 1952 section 2.3.1.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why the pipe ended early.
pub(super) enum PumpError {
    /// The compressed stream contradicts itself or ends inside a member.
    Gzip(io::Error),
    /// The source cannot be read.
    Read(io::Error),
}

/// The running thread. It ends when its source does, or when nobody reads the pipe any more.
pub(super) struct Pump(JoinHandle<Result<u64, PumpError>>);

impl Pump {
    /// Starts to copy `source`, decompressed if it starts as gzip does. The pipe's other end is
    /// returned: drop it once libpcap has opened [`path`] of it.
    pub fn start(source: Box<dyn Read + Send>) -> io::Result<(Self, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let thread = thread::Builder::new().name("nfa-pump".into());
        Ok((Pump(thread.spawn(move || copy(source, writer))?), reader))
    }

    /// How many bytes were copied. Call it only after the pipe's end was seen: the thread may be
    /// waiting for its source otherwise.
    pub fn finish(self) -> Result<u64, PumpError> {
        match self.0.join() {
            Ok(result) => result,
            Err(_) => Err(PumpError::Read(io::Error::other("the copying thread died"))),
        }
    }
}

/// A name under which the pipe can be opened again in this process.
pub(super) fn path(reader: &PipeReader) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()))
}

fn copy(mut source: impl Read, mut writer: PipeWriter) -> Result<u64, PumpError> {
    let mut head = Vec::with_capacity(GZIP_MAGIC.len());
    let wanted = u64::try_from(GZIP_MAGIC.len()).unwrap_or(u64::MAX);
    source.by_ref().take(wanted).read_to_end(&mut head).map_err(PumpError::Read)?;
    let gzip = head == GZIP_MAGIC;
    let mut whole = io::Cursor::new(head).chain(source);
    let copied = if gzip {
        io::copy(&mut MultiGzDecoder::new(whole), &mut writer)
    } else {
        io::copy(&mut whole, &mut writer)
    };
    match copied {
        Ok(count) => Ok(count),
        // Nobody reads any more; reading itself never fails with this.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) if gzip => Err(PumpError::Gzip(error)),
        Err(error) => Err(PumpError::Read(error)),
    }
}
