//! Time zones: how far local time is from UTC, and what day of the week it is there.

mod civil;
mod posix;
mod table;
#[cfg(test)]
mod tests;
mod tzif;

pub use tzif::TzifError;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::spelling;
use civil::DAY;
use posix::Rule;

/// Where zoneinfo packages put their files.
const ZONEINFO: &str = "/usr/share/zoneinfo";
/// A TZ string, as OpenWrt writes it from UCI.
const TZ_FILE: &str = "/etc/TZ";
/// A compiled zone, on most other systems and on OpenWrt with zoneinfo packages.
const LOCALTIME: &str = "/etc/localtime";
/// Largest file read. Those of the tz database have less than 4 kB.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Longest name of a zone; the tz database has none over 32.
const NAME_BYTES_MAX: usize = 64;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Offset before the first transition.
    first: i32,
    /// Each with the offset from then on, in order.
    transitions: Box<[(i64, i32)]>,
    /// From the last transition on.
    rule: Rule,
}

/// A moment on the clock of a wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local {
    /// 0 is Sunday, 6 Saturday.
    pub weekday: u8,
    /// Minute of the day, 0 to 1439.
    pub minute: u16,
    /// Second of the minute, 0 to 59.
    pub second: u8,
}

/// Why there is no such zone.
#[derive(Debug)]
pub enum ZoneError {
    /// Neither a TZ string nor a name that a file could have.
    Form,
    /// No such file, and no built-in zone of that name.
    Unknown {
        /// The file that was looked for.
        path: PathBuf,
        /// The closest built-in name.
        nearest: Option<String>,
    },
    /// There is a file, but it cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a file, but it is no zone.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TzifError,
    },
}

impl Zone {
    /// The zone of a TZ string (`CET-1CEST,M3.5.0,M10.5.0/3`), or that of a name of the tz
    /// database (`Europe/Rome`): its zoneinfo file, else the rules built in for the commonest.
    ///
    /// # Errors
    /// If it is neither, with what was looked for.
    pub fn find(text: &str) -> Result<Zone, ZoneError> {
        Zone::find_in(text, Path::new(ZONEINFO))
    }

    /// The zone of this system: the environment variable TZ, OpenWrt's `/etc/TZ`,
    /// `/etc/localtime`, the first of them that says something, else UTC.
    pub fn system() -> Zone {
        let variable = std::env::var("TZ").ok();
        Zone::system_of(variable.as_deref(), Path::new(TZ_FILE), Path::new(LOCALTIME))
    }

    /// Reads a TZ string.
    pub fn parse_posix(text: &str) -> Option<Zone> {
        Rule::parse(text).map(Zone::of_rule)
    }

    /// Reads a compiled zone (RFC 8536).
    ///
    /// # Errors
    /// If it is damaged, with what is wrong.
    pub fn parse_tzif(bytes: &[u8]) -> Result<Zone, TzifError> {
        let tzif::Tzif { first, transitions, rule } = tzif::parse(bytes)?;
        let last = transitions.last().map_or(first, |(_, offset)| *offset);
        let rule = rule.unwrap_or(Rule::Fixed(last));
        Ok(Zone { first, transitions: transitions.into(), rule })
    }

    /// Seconds east of UTC at a Unix time.
    pub fn offset_at(&self, unix_seconds: i64) -> i32 {
        let past = self.transitions.partition_point(|(at, _)| *at <= unix_seconds);
        if past == self.transitions.len() {
            return self.rule.offset_at(unix_seconds);
        }
        let last = past.checked_sub(1).and_then(|last| self.transitions.get(last));
        last.map_or(self.first, |(_, offset)| *offset)
    }

    /// The next Unix time at which the offset may change; `None`: it never does.
    pub fn next_transition(&self, unix_seconds: i64) -> Option<i64> {
        let past = self.transitions.partition_point(|(at, _)| *at <= unix_seconds);
        let of_file = self.transitions.get(past).map(|(at, _)| *at);
        of_file.or_else(|| self.rule.next_change(unix_seconds))
    }

    /// What clocks on walls show at a Unix time.
    pub fn local_at(&self, unix_seconds: i64) -> Local {
        let local = unix_seconds.saturating_add(self.offset_at(unix_seconds).into());
        let second = local.rem_euclid(DAY);
        Local {
            weekday: civil::weekday(local.div_euclid(DAY)),
            minute: u16::try_from(second / 60).unwrap_or(0),
            second: u8::try_from(second % 60).unwrap_or(0),
        }
    }

    fn of_rule(rule: Rule) -> Zone {
        Zone { first: 0, transitions: Box::default(), rule }
    }

    fn find_in(text: &str, folder: &Path) -> Result<Zone, ZoneError> {
        if let Some(zone) = Zone::parse_posix(text) {
            return Ok(zone);
        }
        // OpenWrt's UCI has blanks in names.
        let name = text.replace(' ', "_");
        if !is_name(&name) {
            return Err(ZoneError::Form);
        }
        let missing = match Zone::open(&folder.join(&name)) {
            Ok(zone) => return Ok(zone),
            Err(error) => error,
        };
        let built_in = table::find(&name).and_then(Zone::parse_posix);
        built_in.ok_or_else(|| match missing {
            ZoneError::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
                ZoneError::Unknown { path, nearest: spelling::nearest(&name, table::names()) }
            }
            other => other,
        })
    }

    fn open(path: &Path) -> Result<Zone, ZoneError> {
        let read = |source| ZoneError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(read)?;
        // What is longer is cut and then found to be damaged.
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(read)?;
        Zone::parse_tzif(&bytes).map_err(|source| ZoneError::File { path: path.to_owned(), source })
    }

    fn system_of(variable: Option<&str>, tz_file: &Path, localtime: &Path) -> Zone {
        variable
            .and_then(Zone::of_variable)
            .or_else(|| {
                let mut text = String::new();
                let file = File::open(tz_file).ok()?;
                file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
                Zone::of_variable(text.lines().next()?)
            })
            .or_else(|| Zone::open(localtime).ok())
            .unwrap_or_default()
    }

    /// As POSIX has it in TZ: a colon may stand before a name, and a name may be a path.
    fn of_variable(text: &str) -> Option<Zone> {
        let text = text.trim();
        let text = text.strip_prefix(':').unwrap_or(text);
        if text.starts_with('/') {
            return Zone::open(Path::new(text)).ok();
        }
        Zone::find(text).ok()
    }
}

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Zone::of_rule(Rule::Fixed(0))
    }
}

/// Whether a file below the folder may have this name: words of the tz database's letters, none of
/// them beginning with a dot.
fn is_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'.');
    let is_word = |w: &str| !w.is_empty() && !w.starts_with('.') && w.bytes().all(legal);
    text.len() <= NAME_BYTES_MAX && text.split('/').all(is_word)
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("neither a zone's name nor a TZ string"),
            Self::Unknown { path, nearest } => {
                write!(f, "no file {}, and no built-in zone of that name", path.display())?;
                nearest
                    .as_ref()
                    .map_or(Ok(()), |nearest| write!(f, "; did you mean \"{nearest}\"?"))
            }
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for ZoneError {}
