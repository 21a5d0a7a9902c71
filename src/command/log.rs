//! Where the daemon's lines go: syslog, or standard error on a terminal.

use std::io::IsTerminal;

use nfa::control::Journal;
use nfa::flow::Locality;
use nfa::privacy::{self, Treatment};
use nfa::sys;
use nfa::target::Rfc3164;
use syslog::{Logger, LoggerBackend};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something works, perhaps not as meant.
    Warning,
    /// For the record.
    Info,
}

/// The log, and the newest of its errors and warnings.
pub struct Log {
    out: Out,
    /// For whoever asks the daemon how it is.
    pub journal: Journal,
    /// What becomes of addresses of clients in it, and which are those.
    pub clients: Treatment,
    /// As the engine knows them.
    pub locality: Locality,
}

enum Out {
    /// `/dev/log`.
    Syslog(Box<Logger<LoggerBackend, Rfc3164>>),
    /// For people, and where there is no syslog.
    Stderr,
}

impl Out {
    /// Syslog, unless standard error is a terminal or there is no syslog.
    fn open() -> Self {
        if std::io::stderr().is_terminal() {
            return Out::Stderr;
        }
        match syslog::unix(Rfc3164::of_this_process()) {
            Ok(logger) => Out::Syslog(Box::new(logger)),
            Err(_) => Out::Stderr,
        }
    }
}

impl Log {
    /// To syslog, unless standard error is a terminal or there is no syslog.
    pub fn open() -> Self {
        Log {
            out: Out::open(),
            journal: Journal::default(),
            clients: Treatment::Keep,
            locality: Locality::default(),
        }
    }

    /// What writes the lines it is told. One type for all who call with it: each closure of its own
    /// would make copies of all functions that take it.
    pub fn at(&mut self, level: Level) -> impl FnMut(String) {
        move |line| self.write(level, &line)
    }

    /// Writes a line; control characters in it become spaces, so that what comes from the network
    /// cannot begin another line.
    pub fn write(&mut self, level: Level, line: &str) {
        let line = line.replace(|c: char| c.is_control() && c != '\n', " ");
        let line = privacy::words(&line, self.clients, &|addr| self.locality.is_local(addr));
        if level != Level::Info {
            self.journal.note(sys::monotonic(), level == Level::Error, &line);
        }
        let result = match (&mut self.out, level) {
            (Out::Stderr, level) => {
                let word = match level {
                    Level::Error => "error: ",
                    Level::Warning => "warning: ",
                    Level::Info => "",
                };
                eprintln!("nfa: {word}{line}");
                return;
            }
            (Out::Syslog(logger), Level::Error) => logger.err(&line),
            (Out::Syslog(logger), Level::Warning) => logger.warning(&line),
            (Out::Syslog(logger), Level::Info) => logger.info(&line),
        };
        if result.is_err() {
            // The log daemon was restarted: its socket is a new one.
            self.out = Out::open();
            if let Out::Stderr = self.out {
                eprintln!("nfa: {line}");
            }
        }
    }
}
