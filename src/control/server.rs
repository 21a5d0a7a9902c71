//! The socket of the control channel: a line with a request comes in, a line with the answer goes
//! out. Nobody is waited for.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::request::REQUEST_BYTES_MAX;
use crate::sys::{self, Interest, PollFd};
use crate::target::listen;
use crate::time::Timestamp;

/// Clients at a time; one more is turned away. LuCI and a terminal need one each.
const CLIENTS_MAX: usize = 8;
/// How long a client may take for its next request or for reading an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that are read from one client at a time.
const READ_BYTES: usize = 2048;
/// Reads of what a client left behind: 256 KiB, more than a socket's buffer holds (208 KiB, the
/// default of net.core.rmem_default).
const LEFTOVER_READS_MAX: u32 = 128;

/// Where the daemon listens unless it is told otherwise.
pub const SOCKET_DEFAULT: &str = "/var/run/nfa.sock";

/// What a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// What changes nothing.
    Read,
    /// Everything: it is root, or runs as the user that the daemon runs as.
    Change,
}

/// The socket and its clients.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: Option<UnixListener>,
    clients: Vec<Client>,
    /// It could not be opened the last time, which was told.
    failing: bool,
    /// Clients that were dropped or turned away.
    dropped: u32,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    rights: Rights,
    /// What it said that is not answered yet.
    heard: Vec<u8>,
    /// What it has not read yet.
    queue: Vec<u8>,
    /// It will say no more.
    ended: bool,
    /// When it last was through with something.
    since: Timestamp,
}

impl Server {
    /// A socket at that path, not open yet.
    pub const fn new(path: PathBuf) -> Self {
        Server { path, listener: None, clients: Vec::new(), failing: false, dropped: 0 }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the socket at that path is this one's.
    pub const fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    /// Clients that were dropped for being slow, or turned away; wraps.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Does what is to be done about once a second: makes the socket if there is none (what keeps
    /// it from being made is told once), and drops the clients that are too slow.
    pub fn tick(&mut self, now: Timestamp, mut tell: impl FnMut(String)) {
        if self.listener.is_none() {
            match open(&self.path) {
                Ok(listener) => (self.listener, self.failing) = (Some(listener), false),
                Err(error) => {
                    if !self.failing {
                        let path = self.path.display();
                        tell(format!("control socket {path}: {error}; it is tried again"));
                    }
                    self.failing = true;
                }
            }
        }
        let before = self.clients.len();
        self.clients.retain(|client| now.since(client.since) < PATIENCE);
        self.count_dropped(before.saturating_sub(self.clients.len()));
    }

    /// What is to be polled; [`Server::serve`] is called when one of them is ready.
    pub fn fds(&self, fds: &mut Vec<PollFd>) {
        fds.extend(self.listener.iter().map(|l| PollFd::new(l.as_raw_fd(), Interest::Read)));
        fds.extend(self.clients.iter().map(|client| {
            // Whoever has not read the last answer need not ask for another.
            let waits = !client.queue.is_empty();
            let interest = if waits { Interest::Write } else { Interest::Read };
            PollFd::new(client.stream.as_raw_fd(), interest)
        }));
    }

    /// Whether a request waits for its turn: [`Server::serve`] is to be called at once.
    pub fn is_pressed(&self) -> bool {
        self.clients.iter().any(Client::has_request)
    }

    /// Lets clients in, hears what they say, writes what they have room for, and answers one
    /// request. The others get their turn after the packets that came meanwhile.
    pub fn serve(&mut self, now: Timestamp, answer: &mut dyn FnMut(&str, Rights) -> String) {
        for _ in 0..CLIENTS_MAX {
            let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) else {
                break;
            };
            if self.clients.len() < CLIENTS_MAX && stream.set_nonblocking(true).is_ok() {
                let own = sys::effective_uid();
                let may_change = sys::peer_uid(&stream).is_ok_and(|uid| uid == 0 || uid == own);
                let rights = if may_change { Rights::Change } else { Rights::Read };
                let (heard, queue) = (Vec::new(), Vec::new());
                let client = Client { stream, rights, heard, queue, ended: false, since: now };
                self.clients.push(client);
            } else {
                self.count_dropped(1);
            }
        }
        self.clients.retain_mut(|client| client.hear().is_ok() && client.flush(now).is_ok());
        let next = self.clients.iter().position(Client::has_request);
        if let Some(next) = next {
            // Behind all others from now on.
            let mut client = self.clients.remove(next);
            let request = client.next_request();
            let mut line = match &request {
                Ok(text) => answer(text, client.rights),
                Err(bytes) => answer(&String::from_utf8_lossy(bytes), client.rights),
            };
            line.push('\n');
            client.queue.extend_from_slice(line.as_bytes());
            client.since = now;
            if client.flush(now).is_ok() {
                self.clients.push(client);
            }
        }
        self.clients.retain_mut(|client| !client.is_through() || client.leave());
    }

    /// Takes the socket away.
    pub fn close(self) {
        if self.listener.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn count_dropped(&mut self, more: usize) {
        self.dropped = self.dropped.wrapping_add(u32::try_from(more).unwrap_or(u32::MAX));
    }
}

impl Client {
    /// Reads what is there, up to one request that is too long. Err: it has gone.
    fn hear(&mut self) -> io::Result<()> {
        while !self.ended && !self.has_request() && self.queue.is_empty() {
            let mut heard = [0; READ_BYTES];
            match self.stream.read(&mut heard) {
                Ok(0) => self.ended = true,
                Ok(count) => self.heard.extend_from_slice(heard.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a request is complete, or can only be refused; none before the last answer is read.
    fn has_request(&self) -> bool {
        let complete = self.heard.contains(&b'\n') || self.heard.len() > REQUEST_BYTES_MAX;
        self.queue.is_empty() && (complete || (self.ended && !self.heard.is_empty()))
    }

    /// Takes the next request out. One that is too long ends the conversation, since nobody knows
    /// where the next begins. Err: it is no text.
    fn next_request(&mut self) -> Result<String, Vec<u8>> {
        let end = self.heard.iter().position(|byte| *byte == b'\n');
        let mut line: Vec<u8> = match end {
            Some(end) => self.heard.drain(..=end).collect(),
            None => {
                self.ended = true;
                std::mem::take(&mut self.heard)
            }
        };
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        String::from_utf8(line).map_err(std::string::FromUtf8Error::into_bytes)
    }

    fn flush(&mut self, now: Timestamp) -> io::Result<()> {
        while !self.queue.is_empty() {
            match self.stream.write(&self.queue) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    drop(self.queue.drain(..written.min(self.queue.len())));
                    if self.queue.is_empty() {
                        self.since = now;
                        self.queue = Vec::new(); // an answer can be large, and the next is far away
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what nobody will answer: of a socket that is closed with something unread in it the
    /// other end reads an error (ECONNRESET, unix(7)) instead of an end. False: it is not kept.
    fn leave(&mut self) -> bool {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        for _ in 0..LEFTOVER_READS_MAX {
            if !matches!(self.stream.read(&mut [0; READ_BYTES]), Ok(1..)) {
                break;
            }
        }
        false
    }

    /// Whether nothing is left to do for it.
    fn is_through(&self) -> bool {
        self.ended && self.queue.is_empty() && !self.has_request()
    }
}

/// The socket, unless another daemon answers there.
fn open(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another nfa listens there"));
    }
    listen(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    fn path(test: &str) -> PathBuf {
        let name = format!("nfa-control-{test}-{}", std::process::id());
        std::env::temp_dir().join(name).join("c.sock")
    }

    fn opened(path: &Path) -> Server {
        let mut server = Server::new(path.to_owned());
        server.tick(Timestamp::ZERO, |line| panic!("{line}"));
        server
    }

    fn serve(server: &mut Server, now: Timestamp) {
        for _ in 0..100 {
            server.serve(now, &mut |line, rights| {
                if line == "large" { "x".repeat(1 << 20) } else { format!("{line} {rights:?}") }
            });
        }
    }

    fn secs(s: u64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    #[test]
    fn every_line_gets_its_answer_in_order() {
        let path = path("lines");
        let mut server = opened(&path);
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"one\ntwo\nthr").unwrap();
        serve(&mut server, secs(1));
        client.write_all(b"ee").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        serve(&mut server, secs(1));
        let lines: Vec<String> = BufReader::new(client).lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["one Change", "two Change", "three Change"]);
        assert!(server.clients.is_empty());
        let mut second = Server::new(path.clone());
        let mut told = Vec::new();
        second.tick(secs(1), |line| told.push(line));
        second.tick(secs(2), |line| told.push(line));
        assert!(told.len() == 1 && told[0].contains("another nfa listens there"), "{told:?}");
        second.close();
        assert!(path.exists(), "it was not the second one's");
        server.close();
        assert!(!path.exists());
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn who_does_not_read_or_says_too_much_is_dropped() {
        let path = path("slow");
        let mut server = opened(&path);
        let mut deaf = UnixStream::connect(&path).unwrap();
        deaf.write_all(b"large\nlarge\nlarge\n").unwrap();
        let silent = UnixStream::connect(&path).unwrap();
        let mut long = UnixStream::connect(&path).unwrap();
        long.write_all(&[b'x'; REQUEST_BYTES_MAX + 10 * READ_BYTES]).unwrap();
        serve(&mut server, secs(0));
        let mut told = String::new();
        long.read_to_string(&mut told).unwrap();
        assert!(told.len() > REQUEST_BYTES_MAX && server.clients.len() == 2, "{}", told.len());
        let kept: usize = server.clients.iter().map(|client| client.queue.len()).sum();
        assert!(kept <= 1 << 20, "one answer waits, not three: {kept}");
        server.tick(secs(9), |_| ());
        assert_eq!(server.clients.len(), 2);
        server.tick(secs(10), |_| ());
        assert_eq!((server.clients.len(), server.dropped()), (0, 2));
        let many: Vec<_> = (0..=CLIENTS_MAX).map(|_| UnixStream::connect(&path).unwrap()).collect();
        serve(&mut server, secs(11));
        assert_eq!((server.clients.len(), server.dropped()), (CLIENTS_MAX, 3));
        drop((many, silent, deaf));
        serve(&mut server, secs(11));
        assert!(server.clients.is_empty());
        server.close();
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
    }
}
