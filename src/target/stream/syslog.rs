//! Records as lines of syslog (RFC 3164) to `/dev/log`.

use std::time::Duration;

use ::syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use crate::time::Timestamp;

/// Between two reports of lines that were lost.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// A way to syslog, opened when it is first needed.
#[derive(Default)]
pub(super) struct Syslog {
    logger: Option<Logger<LoggerBackend, Formatter3164>>,
    lost: u32,
    reported: u32,
    reported_at: Option<Timestamp>,
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syslog").field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Syslog {
    /// Writes a line. JSON has no control characters that could begin another.
    pub fn write(&mut self, line: &str) {
        // A log daemon that was restarted has another socket: the second try opens it.
        for _ in 0..2 {
            if self.logger.is_none() {
                self.logger = open();
            }
            if self.logger.as_mut().is_some_and(|logger| logger.info(line).is_ok()) {
                return;
            }
            self.logger = None;
        }
        self.lost = self.lost.saturating_add(1);
    }

    /// Tells once a minute how many lines were lost.
    pub fn report(&mut self, now: Timestamp, tell: &mut dyn FnMut(String)) {
        let more = self.lost.wrapping_sub(self.reported);
        let due = self.reported_at.is_none_or(|at| now.since(at) >= REPORT_INTERVAL);
        if more > 0 && due {
            tell(format!("syslog: {more} records lost, nobody takes them"));
            (self.reported, self.reported_at) = (self.lost, Some(now));
        }
    }
}

fn open() -> Option<Logger<LoggerBackend, Formatter3164>> {
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: None,
        process: "nfa".to_owned(),
        pid: std::process::id(),
    };
    let logger = ::syslog::unix(formatter).ok()?;
    if let LoggerBackend::Unix(socket) = &logger.backend {
        socket.set_nonblocking(true).ok()?;
    }
    Some(logger)
}
