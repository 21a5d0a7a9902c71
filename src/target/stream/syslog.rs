//! Records as lines of syslog (RFC 3164) to `/dev/log`.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use super::stamp;
use crate::time::Timestamp;
use crate::zone::Zone;

/// Between two reports of lines that were lost.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Lines as RFC 3164 section 4.1 and local log daemons have them, without a host's name. The crate's
/// own formatter would bring a calendar library of 90 kB on MIPS, and writes UTC.
#[derive(Debug, Clone)]
pub struct Rfc3164 {
    zone: Zone,
    pid: u32,
}

impl Rfc3164 {
    /// For this process, in the system's time zone.
    pub fn of_this_process() -> Self {
        Rfc3164 { zone: Zone::system(), pid: std::process::id() }
    }
}

impl<T: Display> LogFormat<T> for Rfc3164 {
    fn format<W: Write>(&self, w: &mut W, severity: Severity, message: T) -> ::syslog::Result<()> {
        let priority = Facility::LOG_DAEMON as u32 | severity as u32;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let stamp = stamp::syslog(now, self.zone.offset_at(seconds));
        write!(w, "<{priority}>{stamp} nfa[{}]: {message}", self.pid)
            .map_err(::syslog::Error::Write)
    }
}

/// A way to syslog, opened when it is first needed.
#[derive(Default)]
pub(super) struct Syslog {
    logger: Option<Logger<LoggerBackend, Rfc3164>>,
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

fn open() -> Option<Logger<LoggerBackend, Rfc3164>> {
    let logger = ::syslog::unix(Rfc3164::of_this_process()).ok()?;
    if let LoggerBackend::Unix(socket) = &logger.backend {
        socket.set_nonblocking(true).ok()?;
    }
    Some(logger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_rfc_3164_has_it() {
        let zone = Zone::parse_posix("XXX-2").unwrap();
        let mut line = Vec::new();
        Rfc3164 { zone, pid: 7 }.format(&mut line, Severity::LOG_WARNING, "a b").unwrap();
        let line = String::from_utf8(line).unwrap();
        let (stamp, rest) = line.strip_prefix("<28>").unwrap().split_at("Jan  1 00:00:00".len());
        assert_eq!(rest, " nfa[7]: a b");
        assert_eq!(stamp.as_bytes()[3], b' ');
        assert_eq!(stamp.as_bytes()[6], b' ');
        assert_eq!(stamp.matches(':').count(), 2);
    }
}
