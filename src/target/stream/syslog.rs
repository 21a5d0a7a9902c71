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

/// A minute: what the rate is counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// A way to syslog, opened when it is first needed.
pub(super) struct Syslog {
    logger: Option<Logger<LoggerBackend, Rfc3164>>,
    per_minute: u32,
    /// When the present minute began, and how many lines it has had.
    window: Option<(Timestamp, u32)>,
    left_out: u32,
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
    pub const fn new(per_minute: u32) -> Self {
        Syslog {
            logger: None,
            per_minute,
            window: None,
            left_out: 0,
            lost: 0,
            reported: 0,
            reported_at: None,
        }
    }

    /// Writes a line, unless this minute has had its lines. JSON has no control characters that
    /// could begin another.
    pub fn write(&mut self, line: &str, now: Timestamp) {
        if !self.has_room(now) {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
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

    fn has_room(&mut self, now: Timestamp) -> bool {
        let (began, lines) = match self.window {
            Some((began, lines)) if now.since(began) < WINDOW => (began, lines),
            _ => (now, 0),
        };
        self.window = Some((began, lines.saturating_add(1)));
        lines < self.per_minute
    }

    /// Tells once a minute how many lines were left out or lost.
    pub fn report(&mut self, now: Timestamp, tell: &mut dyn FnMut(String)) {
        let more = self.lost.wrapping_sub(self.reported);
        let due = self.reported_at.is_none_or(|at| now.since(at) >= REPORT_INTERVAL);
        if due && self.left_out > 0 {
            let (left_out, most) = (self.left_out, self.per_minute);
            tell(format!("syslog: {left_out} records left out, over {most} a minute"));
            (self.left_out, self.reported_at) = (0, Some(now));
        }
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
    fn a_minute_has_its_number_of_lines_and_the_rest_is_told() {
        let mut syslog = Syslog::new(3);
        let at = |second: u64| Timestamp::from_micros(second * 1_000_000);
        let admitted =
            |syslog: &mut Syslog, second| (0..10).filter(|_| syslog.has_room(at(second))).count();
        let counts: Vec<usize> =
            [0, 30, 59, 60, 119, 120].map(|second| admitted(&mut syslog, second)).into();
        assert_eq!(counts, [3, 0, 0, 3, 0, 3]);
        (0..5).for_each(|_| syslog.write("x", at(130)));
        let mut told = Vec::new();
        (131..200).for_each(|second| syslog.report(at(second), &mut |line| told.push(line)));
        assert_eq!(told, ["syslog: 5 records left out, over 3 a minute"]);
    }

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
