//! Where the daemon's lines go: syslog, or standard error on a terminal.

use std::io::IsTerminal;

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

/// The log.
pub enum Log {
    /// `/dev/log`.
    Syslog(Box<Logger<LoggerBackend, Rfc3164>>),
    /// For people, and where there is no syslog.
    Stderr,
}

impl Log {
    /// Syslog, unless standard error is a terminal or there is no syslog.
    pub fn open() -> Self {
        if std::io::stderr().is_terminal() {
            return Log::Stderr;
        }
        match syslog::unix(Rfc3164::of_this_process()) {
            Ok(logger) => Log::Syslog(Box::new(logger)),
            Err(_) => Log::Stderr,
        }
    }

    /// Writes a line; control characters in it become spaces, so that what comes from the network
    /// cannot begin another line.
    pub fn write(&mut self, level: Level, line: &str) {
        let line = line.replace(|c: char| c.is_control() && c != '\n', " ");
        let result = match (&mut *self, level) {
            (Log::Stderr, level) => {
                let word = match level {
                    Level::Error => "error: ",
                    Level::Warning => "warning: ",
                    Level::Info => "",
                };
                eprintln!("nfa: {word}{line}");
                return;
            }
            (Log::Syslog(logger), Level::Error) => logger.err(&line),
            (Log::Syslog(logger), Level::Warning) => logger.warning(&line),
            (Log::Syslog(logger), Level::Info) => logger.info(&line),
        };
        if result.is_err() {
            // The log daemon was restarted: its socket is a new one.
            *self = Log::open();
            if let Log::Stderr = self {
                eprintln!("nfa: {line}");
            }
        }
    }
}
