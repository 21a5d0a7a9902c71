//! Frames of a capture file: pcap or pcapng of either byte order, plain or compressed with gzip.

use super::plain::{Plain, PlainError};
use super::pump::{self, Pump, PumpError};
use super::{CaptureError, Frame, text};
use crate::time::Timestamp;
use crate::wire::LinkType;
use pcap::{Capture, Offline};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// First bytes of pcapng, the same in both byte orders (pcapng section 4.1).
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// An open capture file.
pub struct CaptureFile {
    path: PathBuf,
    source: Source,
    link: LinkType,
    pump: Option<Pump>,
    meter: Option<Meter>,
    done: bool,
}

/// Who reads it.
enum Source {
    Plain(Plain),
    Libpcap(Capture<Offline>),
}

/// How far a file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes, estimated from the packets' lengths; at most `size`.
    pub position: u64,
    /// Bytes of the file when it was opened.
    pub size: u64,
}

/// Counts what packets take in a file.
struct Meter {
    pcapng: bool,
    progress: Progress,
}

impl Meter {
    fn new(head: &[u8], size: u64) -> Self {
        let pcapng = head == PCAPNG_MAGIC;
        // A pcap file's header; the two blocks that start a pcapng file, without options.
        let position = if pcapng { 28 + 20 } else { 24 };
        Meter { pcapng, progress: Progress { position, size } }
    }

    fn count(&mut self, captured: usize) {
        let bytes = if self.pcapng {
            captured.next_multiple_of(4).saturating_add(32) // an Enhanced Packet Block around it
        } else {
            captured.saturating_add(16)
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let position = self.progress.position.saturating_add(bytes);
        self.progress.position = position.min(self.progress.size);
    }
}

impl CaptureFile {
    /// Opens the file `path`, or standard input for `-`, and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let unreadable = |source| CaptureError::Read { path: path.to_owned(), source };
        if path == Path::new("-") {
            return Self::through_pump(path, Box::new(io::stdin()));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::through_pump(path, Box::new(file)); // a pipe or device cannot be read twice
        }
        let mut head = Vec::with_capacity(PCAPNG_MAGIC.len());
        file.by_ref().take(4).read_to_end(&mut head).map_err(unreadable)?;
        if head.is_empty() {
            return Err(CaptureError::Empty { path: path.to_owned() });
        }
        file.rewind().map_err(unreadable)?;
        let meter = Some(Meter::new(&head, metadata.len()));
        let mut file = match Plain::open(file).map_err(unreadable)? {
            Ok(plain) => return Ok(Self::new(path, Source::Plain(plain), None, meter)),
            Err(file) => file,
        };
        // libpcap takes names in UTF-8 only, by way of its crate.
        if head.starts_with(&pump::GZIP_MAGIC) || path.to_str().is_none() {
            file.rewind().map_err(unreadable)?;
            return Self::through_pump(path, Box::new(file));
        }
        match Capture::from_file(path) {
            Ok(capture) => Ok(Self::new(path, Source::Libpcap(capture), None, meter)),
            Err(error) => Err(refused(path, text(error))),
        }
    }

    fn through_pump(path: &Path, source: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        let (pump, reader) = Pump::start(source)
            .map_err(|source| CaptureError::Read { path: path.to_owned(), source })?;
        let opened = Capture::from_file(pump::path(&reader));
        drop(reader);
        let error = match opened {
            Ok(capture) => {
                return Ok(Self::new(path, Source::Libpcap(capture), Some(pump), None));
            }
            Err(error) => text(error),
        };
        if is_end(&error) {
            match pump.finish() {
                Ok(0) => return Err(CaptureError::Empty { path: path.to_owned() }),
                Ok(_) => {}
                Err(error) => return Err(pump_error(path, error)),
            }
        }
        Err(refused(path, error))
    }

    fn new(path: &Path, source: Source, pump: Option<Pump>, meter: Option<Meter>) -> Self {
        let link = match &source {
            Source::Plain(plain) => plain.link(),
            Source::Libpcap(capture) => LinkType::from(capture.get_datalink().0),
        };
        CaptureFile { path: path.to_owned(), source, link, pump, meter, done: false }
    }

    /// The next frame; `None` after the last. An error ends the capture: the next call gives
    /// `None`.
    #[inline(always)]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let is_waiting = matches!(&self.source, Source::Plain(plain) if plain.has_waiting());
        if !is_waiting {
            return self.next_in_file();
        }
        match &mut self.source {
            Source::Plain(plain) => Ok(plain.next_waiting()),
            Source::Libpcap(_) => Ok(None),
        }
    }

    #[inline(never)]
    fn next_in_file(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        let capture = match &mut self.source {
            Source::Libpcap(capture) => capture,
            Source::Plain(plain) => {
                return match plain.next_frame() {
                    Ok(Some(frame)) => Ok(Some(frame)),
                    Ok(None) => {
                        self.done = true;
                        Ok(None)
                    }
                    Err(error) => {
                        self.done = true;
                        Err(plain_error(&self.path, error))
                    }
                };
            }
        };
        let error = match capture.next_packet() {
            Ok(packet) => {
                if let Some(meter) = &mut self.meter {
                    meter.count(packet.data.len());
                }
                let time = packet.header.ts;
                let at = Timestamp::from_parts(wide(time.tv_sec), wide(time.tv_usec));
                return Ok(Some(Frame::new(at, self.link, &packet)));
            }
            Err(pcap::Error::NoMorePackets) => None,
            Err(error) => Some(text(error)),
        };
        self.done = true;
        // A pipe's end says only that its writer is gone: ask whether it had finished.
        if error.as_deref().is_none_or(is_end)
            && let Some(pump) = self.pump.take()
        {
            pump.finish().map_err(|error| pump_error(&self.path, error))?;
        }
        let path = self.path.clone();
        match error {
            None => Ok(None),
            Some(detail) if is_end(&detail) => Err(CaptureError::Truncated { path, detail }),
            Some(detail) => Err(CaptureError::Damaged { path, detail }),
        }
    }

    /// What every frame of the file starts with.
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// How far it has been read; `None` for gzip, pipes and standard input.
    pub fn progress(&self) -> Option<Progress> {
        let progress = self.meter.as_ref()?.progress;
        Some(match &self.source {
            Source::Libpcap(_) => progress,
            Source::Plain(plain) => {
                Progress { position: plain.position().min(progress.size), ..progress }
            }
        })
    }
}

fn plain_error(path: &Path, error: PlainError) -> CaptureError {
    let path = path.to_owned();
    match error {
        PlainError::Truncated(detail) => CaptureError::Truncated { path, detail },
        PlainError::Damaged(detail) => CaptureError::Damaged { path, detail },
        PlainError::Read(source) => CaptureError::Read { path, source },
    }
}

/// C's time types have 32 or 64 bits.
fn wide(value: impl Into<i64>) -> i64 {
    value.into()
}

/// Whether libpcap met the end of the file where more was announced: "truncated dump file; ..."
/// and "truncated pcapng dump file; ...".
fn is_end(detail: &str) -> bool {
    detail.starts_with("truncated")
}

/// Why a file that can be read was not opened.
fn refused(path: &Path, detail: String) -> CaptureError {
    let path = path.to_owned();
    if is_end(&detail) {
        CaptureError::Truncated { path, detail }
    } else {
        CaptureError::NotCapture { path, detail }
    }
}

fn pump_error(path: &Path, error: PumpError) -> CaptureError {
    let path = path.to_owned();
    match error {
        PumpError::Gzip(source) => CaptureError::Gzip { path, source },
        PumpError::Read(source) => CaptureError::Read { path, source },
    }
}

#[cfg(test)]
#[path = "file_test.rs"]
mod tests;
