//! Where records of matching flows go: log files, sockets that others read, syslog.

mod file;
mod socket;
mod stamp;
mod syslog;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use serde_json::Value;

use crate::effect::{Effect, StreamId};
use crate::sorted::SortedMap;
use crate::sys::PollFd;
use crate::time::Timestamp;
use file::LogFile;
use socket::Socket;
pub use socket::listen;
pub use syslog::Rfc3164;
use syslog::Syslog;

/// Where records go, as the configuration wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSpec {
    /// A file for each interval in which there was something to write.
    File {
        /// The folder.
        folder: PathBuf,
        /// What the name starts with.
        prefix: String,
        /// What it ends with.
        suffix: String,
        /// How long records are gathered.
        interval: Duration,
    },
    /// A Unix stream socket from which any number of readers get them.
    Socket {
        /// Its path.
        path: PathBuf,
    },
    /// `/dev/log`.
    Syslog {
        /// Most lines a minute; more are left out and counted.
        per_minute: u32,
    },
}

impl fmt::Display for StreamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { folder, prefix, suffix, .. } => {
                write!(f, "log {}/{prefix}-*{suffix}", folder.display())
            }
            Self::Socket { path } => write!(f, "socket {}", path.display()),
            Self::Syslog { .. } => f.write_str("syslog"),
        }
    }
}

/// Every stream that some target writes to, each once.
#[derive(Debug, Default)]
pub struct Streams(Vec<StreamSpec>);

impl Streams {
    /// The number of that stream.
    pub fn intern(&mut self, spec: StreamSpec) -> StreamId {
        let known = self.0.iter().position(|known| *known == spec).unwrap_or_else(|| {
            self.0.push(spec);
            self.0.len().saturating_sub(1)
        });
        // Each needs a target of its own, so their number stays far below the bound.
        StreamId(u16::try_from(known).unwrap_or(u16::MAX))
    }

    /// Takes the streams of a new configuration; each one's number here, in their order.
    pub fn adopt(&mut self, new: &Streams) -> Vec<StreamId> {
        new.0.iter().map(|spec| self.intern(spec.clone())).collect()
    }

    /// The stream of that number.
    pub fn get(&self, id: StreamId) -> Option<&StreamSpec> {
        self.0.get(usize::from(id.0))
    }
}

/// What the clocks say.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The engine's time.
    pub now: Timestamp,
    /// Since the Unix epoch.
    pub unix: Duration,
    /// How far local time is ahead of UTC, in seconds.
    pub utc_offset_seconds: i32,
}

#[derive(Debug)]
enum Output {
    File(LogFile),
    Socket(Socket),
    Syslog(Syslog),
}

/// Writes records to their streams and never waits for anybody.
#[derive(Debug, Default)]
pub struct Recorder {
    outputs: SortedMap<StreamId, Output>,
}

impl Recorder {
    /// Opens the streams numbered `live` that are not open, and closes the others. Called at start
    /// and after every reload. What goes wrong is told, one line each.
    pub fn prepare(
        &mut self,
        streams: &Streams,
        live: &[StreamId],
        clock: Clock,
        mut tell: impl FnMut(String),
    ) {
        let unwanted = self.outputs.extract_if(|id, _| !live.contains(id));
        unwanted.for_each(|(_, output)| close(output, clock, &mut tell));
        for &id in live {
            let Some(spec) = streams.get(id) else { continue };
            self.outputs.insert_new(id, || match spec {
                StreamSpec::File { folder, prefix, suffix, interval } => Output::File(
                    LogFile::new(folder.clone(), prefix.clone(), suffix.clone(), *interval),
                ),
                StreamSpec::Socket { path } => Output::Socket(Socket::new(path.clone())),
                StreamSpec::Syslog { per_minute } => Output::Syslog(Syslog::new(*per_minute)),
            });
        }
        for output in self.outputs.values_mut() {
            if let Output::Socket(socket) = output {
                socket.open(&mut tell);
            }
        }
    }

    /// Makes the folders of log files that are not there and gives them to whoever is to write there,
    /// who may not be allowed to make them.
    pub fn make_folders(
        &self,
        give: impl Fn(&Path) -> io::Result<()>,
        mut tell: impl FnMut(String),
    ) {
        for output in self.outputs.values() {
            let Output::File(file) = output else { continue };
            let made = file.make_folder().and_then(|made| made.map_or(Ok(()), &give));
            if let Err(error) = made {
                tell(format!("log in {}: {error}", file.folder().display()));
            }
        }
    }

    /// Whether somebody gets what is written to a stream: of a socket, whether it has a reader.
    pub fn is_heard(&self, stream: StreamId) -> bool {
        match self.outputs.get(&stream) {
            Some(Output::Socket(socket)) => socket.has_readers(),
            Some(Output::File(_) | Output::Syslog(_)) => true,
            None => false,
        }
    }

    /// Writes the records among the changes that the engine asks for.
    pub fn apply(&mut self, effects: &[Effect], clock: Clock) {
        for effect in effects {
            let Effect::Record { stream, record } = effect else { continue };
            let Some(output) = self.outputs.get_mut(stream) else { continue };
            let mut line = dated(record, clock).to_string();
            match output {
                Output::Syslog(syslog) => syslog.write(&line, clock.now),
                Output::File(file) => {
                    line.push('\n');
                    file.push(&line, clock.now);
                }
                Output::Socket(socket) => {
                    line.push('\n');
                    socket.push(line.as_bytes());
                }
            }
        }
    }

    /// Writes the files that are due, and tries again to open what could not be opened. To be
    /// called about once a second.
    pub fn tick(&mut self, clock: Clock, mut tell: impl FnMut(String)) {
        for output in self.outputs.values_mut() {
            match output {
                Output::File(file) => file.tick(clock, &mut tell),
                Output::Socket(socket) => {
                    socket.open(&mut tell);
                    socket.report(clock.now, &mut tell);
                }
                Output::Syslog(syslog) => syslog.report(clock.now, &mut tell),
            }
        }
    }

    /// What is to be polled; [`Recorder::serve`] is called when one of them is ready.
    pub fn fds(&self, fds: &mut Vec<PollFd>) {
        for output in self.outputs.values() {
            if let Output::Socket(socket) = output {
                socket.fds(fds);
            }
        }
    }

    /// Lets new readers in and writes what others have room for.
    pub fn serve(&mut self) {
        for output in self.outputs.values_mut() {
            if let Output::Socket(socket) = output {
                socket.serve();
            }
        }
    }

    /// Writes what is left and closes all.
    pub fn close(&mut self, clock: Clock, mut tell: impl FnMut(String)) {
        let outputs = std::mem::take(&mut self.outputs);
        outputs.into_iter().for_each(|(_, output)| close(output, clock, &mut tell));
    }
}

fn close(output: Output, clock: Clock, tell: &mut dyn FnMut(String)) {
    match output {
        Output::File(mut file) => file.close(clock, tell),
        Output::Socket(socket) => socket.close(),
        Output::Syslog(_) => {}
    }
}

/// The record with Unix time for the engine's.
fn dated(record: &Value, clock: Clock) -> Value {
    let mut record = record.clone();
    let unix_ms = u64::try_from(clock.unix.as_millis()).unwrap_or(u64::MAX);
    for key in ["first_seen_at", "last_seen_at"] {
        if let Some(value) = record.get_mut(key)
            && let Some(at) = value.as_u64()
        {
            let ago = clock.now.as_millis().saturating_sub(at);
            *value = unix_ms.saturating_sub(ago).into();
        }
    }
    record
}
