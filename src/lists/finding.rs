//! What was wrong with a file of a user's lists, and where. The rest of the file counts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{FILES_MAX, FOLDER_BYTES_MAX, LINE_BYTES_MAX};
use crate::app::domain::DomainError;
use crate::json::Severity;
use crate::net::AddressError;

/// Findings told of one file, or of the names in one folder; how many more there are is told in one line. A downloaded list of a
/// dialect nobody knows would otherwise fill the log.
pub const FINDINGS_MAX: usize = 20;
/// Characters of a wrong text that are shown.
const SHOWN_MAX: usize = 60;

/// One line that was left out, or a file taken with a doubt; printed as one line.
#[derive(Debug)]
pub struct Finding {
    /// Error: something the user wrote by hand has no force. Warning: a line of a list.
    pub severity: Severity,
    /// The file or folder.
    pub path: PathBuf,
    /// Line number, from one; `None`: all of it.
    pub line: Option<usize>,
    /// What was found and expected.
    pub problem: Problem,
}

/// What is wrong. Texts are as found, shortened.
#[derive(Debug)]
pub enum Problem {
    /// It cannot be read.
    Read(io::Error),
    /// The name of the file tells no tag.
    FileName {
        /// What the folder holds, as an example.
        example: &'static str,
    },
    /// More files than are read.
    ManyFiles,
    /// The files of the folder are larger together than any lists should be.
    Large,
    /// A line longer than any entry.
    LongLine,
    /// No UTF-8.
    NotText,
    /// No entry of any known dialect.
    Shape(String),
    /// No member of an address group.
    Member(String),
    /// A filter for part of what a host serves, or an exception: its host is no member for that.
    Partial(String),
    /// No domain.
    Domain(String, DomainError),
    /// No network.
    Network(String, AddressError),
    /// No pattern, and why.
    Pattern(String, String),
    /// More than fit: what, and how many do.
    Full(&'static str, usize),
    /// The tag is no known category but close to one: a new category, or a slip.
    NewCategory {
        /// As written.
        tag: String,
        /// The number it has.
        id: u16,
        /// The known one.
        nearest: String,
    },
    /// So many more findings in the same file or folder.
    More(usize),
}

/// A text in a message: its beginning.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}: {}", self.severity, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::FileName { example } => {
                write!(f, "left out; expected a file with a name such as {example}")
            }
            Self::ManyFiles => {
                write!(f, "left out with all after it; expected at most {FILES_MAX} files")
            }
            Self::Large => {
                let most = FOLDER_BYTES_MAX >> 20;
                write!(f, "left out; expected at most {most} MiB in all files of the folder")
            }
            Self::LongLine => write!(f, "expected lines of at most {LINE_BYTES_MAX} bytes"),
            Self::NotText => write!(f, "expected UTF-8, found other bytes"),
            Self::Shape(found) => write!(
                f,
                "expected a domain, a network, a line of a hosts file, dom:DOMAIN, net:NETWORK, \
                 rxp:PATTERN, address=/DOMAIN/ or ||DOMAIN^, found {found:?}"
            ),
            Self::Member(found) => {
                write!(f, "expected an IP address, a network or a MAC address, found {found:?}")
            }
            Self::Partial(found) => {
                write!(f, "expected a filter for a whole domain, ||DOMAIN^, found {found:?}")
            }
            Self::Domain(found, error) => write!(f, "{error}, found {found:?}"),
            Self::Network(found, error) => write!(f, "{error}, found {found:?}"),
            Self::Pattern(found, error) => {
                write!(f, "expected a regular expression, found {found:?}: {error}")
            }
            Self::Full(what, most) => write!(f, "no room for more {what}; expected at most {most}"),
            Self::NewCategory { tag, id, nearest } => write!(
                f,
                "no known category {tag:?}, taken for a new one with number {id}; \
                 did you mean {nearest:?}?"
            ),
            Self::More(count) => write!(f, "{count} more were left out"),
        }
    }
}

/// Collects what is wrong with one file.
pub(super) struct Report<'f> {
    path: &'f Path,
    severity: Severity,
    findings: &'f mut Vec<Finding>,
    count: usize,
}

impl<'f> Report<'f> {
    pub(super) fn new(path: &'f Path, severity: Severity, findings: &'f mut Vec<Finding>) -> Self {
        Report { path, severity, findings, count: 0 }
    }

    /// All of the file.
    pub(super) fn file(&mut self, severity: Severity, problem: Problem) {
        self.findings.push(Finding { severity, path: self.path.to_owned(), line: None, problem });
    }

    /// One line.
    pub(super) fn line(&mut self, line: usize, problem: Problem) {
        self.count = self.count.saturating_add(1);
        if self.count <= FINDINGS_MAX {
            let (severity, path) = (self.severity, self.path.to_owned());
            self.findings.push(Finding { severity, path, line: Some(line), problem });
        }
    }

    /// No more lines.
    pub(super) fn finish(mut self) {
        if let Some(more) = self.count.checked_sub(FINDINGS_MAX).filter(|more| *more > 0) {
            self.file(self.severity, Problem::More(more));
        }
    }
}
