//! A Unix stream socket from which any number of readers get every record as a line.
//!
//! Nobody is waited for: what a reader does not take is kept up to a bound, then the reader is
//! dropped, since lines with holes between them would be worse.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::{Interest, PollFd};
use crate::time::Timestamp;

/// Readers at a time; one more is turned away.
const READERS_MAX: usize = 16;
/// Bytes kept for a reader that is slow: some 350 records, as telemetry may tell them in one go.
const QUEUE_BYTES_MAX: usize = 256 << 10;
/// Between two reports of readers that were dropped.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Root, and a group that its owner may give it.
const MODE: u32 = 0o660;

/// A socket and its readers.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: Option<UnixListener>,
    readers: Vec<Reader>,
    dropped: u32,
    reported: u32,
    reported_at: Option<Timestamp>,
    /// It could not be opened the last time, which was told.
    failing: bool,
}

#[derive(Debug)]
struct Reader {
    stream: UnixStream,
    queue: Vec<u8>,
}

impl Socket {
    pub const fn new(path: PathBuf) -> Self {
        Socket {
            path,
            listener: None,
            readers: Vec::new(),
            dropped: 0,
            reported: 0,
            reported_at: None,
            failing: false,
        }
    }

    /// Makes the socket if there is none. What keeps it from being made is told once.
    pub fn open(&mut self, tell: &mut dyn FnMut(String)) {
        if self.listener.is_some() {
            return;
        }
        match listen(&self.path) {
            Ok(listener) => (self.listener, self.failing) = (Some(listener), false),
            Err(error) => {
                if !self.failing {
                    tell(format!("socket {}: {error}; it is tried again", self.path.display()));
                }
                self.failing = true;
            }
        }
    }

    /// Whether anybody reads.
    pub const fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Gives every reader a line.
    pub fn push(&mut self, line: &[u8]) {
        let before = self.readers.len();
        self.readers.retain_mut(|reader| reader.push(line).is_ok());
        self.count_dropped(before);
    }

    /// Lets readers in, and writes what they have room for.
    pub fn serve(&mut self) {
        for _ in 0..READERS_MAX {
            let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) else {
                break;
            };
            if self.readers.len() < READERS_MAX && stream.set_nonblocking(true).is_ok() {
                self.readers.push(Reader { stream, queue: Vec::new() });
            } else {
                self.dropped = self.dropped.saturating_add(1);
            }
        }
        // One that has gone of its own will is not counted.
        self.readers.retain_mut(|reader| reader.is_there() && reader.flush().is_ok());
    }

    pub fn fds(&self, fds: &mut Vec<PollFd>) {
        fds.extend(self.listener.iter().map(|l| PollFd::new(l.as_raw_fd(), Interest::Read)));
        fds.extend(self.readers.iter().map(|reader| {
            let interest = if reader.queue.is_empty() { Interest::Read } else { Interest::Both };
            PollFd::new(reader.stream.as_raw_fd(), interest)
        }));
    }

    /// Tells once a minute how many readers were dropped.
    pub fn report(&mut self, now: Timestamp, tell: &mut dyn FnMut(String)) {
        let more = self.dropped.wrapping_sub(self.reported);
        let due = self.reported_at.is_none_or(|at| now.since(at) >= REPORT_INTERVAL);
        if more > 0 && due {
            tell(format!(
                "socket {}: {more} readers dropped, too slow or too many",
                self.path.display()
            ));
            (self.reported, self.reported_at) = (self.dropped, Some(now));
        }
    }

    pub fn close(self) {
        if self.listener.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn count_dropped(&mut self, before: usize) {
        let gone = before.saturating_sub(self.readers.len());
        self.dropped = self.dropped.saturating_add(u32::try_from(gone).unwrap_or(u32::MAX));
    }
}

impl Reader {
    /// Err: it is too slow, or has gone.
    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        if self.queue.len().saturating_add(line.len()) > QUEUE_BYTES_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.queue.extend_from_slice(line);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            match self.stream.write(&self.queue) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.queue.drain(..written.min(self.queue.len()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.queue.shrink_to(4096);
        Ok(())
    }

    /// Whether it has not hung up. What it says is nothing to us.
    fn is_there(&mut self) -> bool {
        let mut heard = [0; 256];
        match self.stream.read(&mut heard) {
            Ok(count) => count > 0,
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
            }
        }
    }
}

/// A listening socket at that path that never blocks, for root and the group of its file. One that
/// an earlier run left behind gives way; what is no socket does not.
///
/// # Errors
/// What keeps it from being made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    if path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    // Until now nobody else could write to it, so nobody could connect (unix(7)).
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll;
    use std::io::{BufRead, BufReader};

    fn path(test: &str) -> PathBuf {
        let name = format!("nfa-socket-{test}-{}", std::process::id());
        std::env::temp_dir().join(name).join("s.sock")
    }

    fn opened(path: &Path) -> Socket {
        let mut socket = Socket::new(path.to_owned());
        socket.open(&mut |line| panic!("{line}"));
        socket
    }

    #[test]
    fn every_reader_gets_every_line() {
        let path = path("lines");
        let mut socket = opened(&path);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, MODE);
        socket.push(b"nobody hears this\n");
        let mut readers: Vec<_> =
            (0..3).map(|_| BufReader::new(UnixStream::connect(&path).unwrap())).collect();
        let mut fds = Vec::new();
        socket.fds(&mut fds);
        assert_eq!(poll(&mut fds, Some(Duration::ZERO)).unwrap(), 1);
        socket.serve();
        socket.push(b"one\n");
        drop(readers.pop());
        socket.serve();
        socket.push(b"two\n");
        assert_eq!((socket.readers.len(), socket.dropped), (2, 0));
        for reader in &mut readers {
            let mut lines = reader.lines().map(Result::unwrap);
            assert_eq!([lines.next().unwrap(), lines.next().unwrap()], ["one", "two"]);
        }
        socket.close();
        assert!(!path.exists());
        fs::remove_dir(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn slow_readers_and_too_many_are_dropped_and_counted() {
        let path = path("slow");
        let mut socket = opened(&path);
        let slow = UnixStream::connect(&path).unwrap();
        let mut quick = BufReader::new(UnixStream::connect(&path).unwrap());
        socket.serve();
        let line = [&[b'x'; 1000][..], b"\n"].concat();
        for _ in 0..2000 {
            socket.push(&line);
            let mut heard = String::new();
            quick.read_line(&mut heard).unwrap();
            assert_eq!(heard.len(), line.len());
        }
        assert_eq!((socket.readers.len(), socket.dropped), (1, 1));
        drop(slow);
        let many: Vec<_> = (0..READERS_MAX).map(|_| UnixStream::connect(&path).unwrap()).collect();
        socket.serve();
        socket.serve();
        assert_eq!((socket.readers.len(), socket.dropped), (READERS_MAX, 2));
        let mut told = Vec::new();
        for second in 0..100 {
            socket.report(Timestamp::from_micros(second * 1_000_000), &mut |line| told.push(line));
        }
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with("2 readers dropped, too slow or too many"), "{told:?}");
        drop(many);
        socket.close();
        fs::remove_dir(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_is_left_of_an_earlier_run_gives_way_and_a_file_does_not() {
        let path = path("stale");
        drop(opened(&path)); // as if killed
        assert!(path.exists());
        opened(&path).close();
        fs::write(&path, "precious").unwrap();
        let mut socket = Socket::new(path.clone());
        let mut told = Vec::new();
        for _ in 0..3 {
            socket.open(&mut |line| told.push(line));
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        socket.close();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
