//! The configuration: read as written, checked, every problem reported, none fatal that need not
//! be (spec sections 1 and 6).

mod check;
mod locate;

pub use locate::Position;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::criteria;
use crate::interface::Interface;
use crate::json;
use crate::net::Network;
use crate::policy::Policy;
use crate::target::{Sets, Streams, Target};

pub use crate::json::Severity;

/// The interface that is captured where nothing names one.
pub const INTERFACE_DEFAULT: &str = "br-lan";

/// A configuration, checked.
#[derive(Debug, Default)]
pub struct Config {
    /// Exemptions and actions.
    pub policy: Policy,
    /// Targets, by the numbers that actions use.
    pub targets: Vec<NamedTarget>,
    /// Kernel sets that the targets fill.
    pub sets: Sets,
    /// Streams of records that the targets write.
    pub streams: Streams,
    /// Interfaces to capture; empty: the default.
    pub interfaces: Vec<Interface>,
    /// Networks of the LAN beside the private ranges and the interfaces' own.
    pub local_networks: Vec<Network>,
    /// Most live flows, if it says.
    pub flows_max: Option<usize>,
    /// Evaluate every live flow again after a reload.
    pub reprocess_flows: bool,
}

/// A target and its key in the configuration.
#[derive(Debug)]
pub struct NamedTarget {
    /// The key.
    pub name: String,
    /// What it does.
    pub kind: Box<dyn Target>,
}

/// What is wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A value of the wrong form.
    Value(json::Problem),
    /// Criteria or an exemption.
    Criteria(Box<criteria::Error>),
    /// An action names a target that is not there.
    UnknownTarget {
        /// As written.
        name: String,
        /// The closest one that is.
        nearest: Option<String>,
    },
    /// An action names a target that is switched off or refused.
    IdleTarget {
        /// As written.
        name: String,
        /// Why it does nothing.
        reason: &'static str,
    },
    /// Valid, but this version does not do it yet.
    NotYet {
        /// What it would do.
        what: String,
    },
}

/// A finding: an error refuses that part, a warning does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the part is refused.
    pub severity: Severity,
    /// Where in the text.
    pub position: Position,
    /// JSON pointer (RFC 6901).
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// Why there is no configuration at all.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any configuration.
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// It is no JSON.
    Syntax {
        /// Its path.
        path: PathBuf,
        /// What and where.
        source: serde_json::Error,
    },
    /// It is JSON but no object.
    NoObject {
        /// Its path.
        path: PathBuf,
    },
}

/// Longest configuration read, in bytes.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Reads and checks the file. Names of applications come from `catalogue`.
///
/// # Errors
/// Only if nothing of it can be used.
pub fn load(
    path: &Path,
    catalogue: &crate::app::Catalogue,
) -> Result<(Config, Vec<Finding>), ConfigError> {
    let read = |source| ConfigError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > TEXT_BYTES_MAX {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    parse(&text, path, catalogue)
}

/// Checks a configuration that is at hand; `path` only names it in messages.
///
/// # Errors
/// Only if nothing of it can be used.
pub fn parse(
    text: &str,
    path: &Path,
    catalogue: &crate::app::Catalogue,
) -> Result<(Config, Vec<Finding>), ConfigError> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source })?;
    if !value.is_object() {
        return Err(ConfigError::NoObject { path: path.to_owned() });
    }
    let (config, problems) = check::check(&value, catalogue);
    let mut findings: Vec<Finding> = problems
        .into_iter()
        .map(|(severity, pointer, problem)| Finding {
            severity,
            position: locate::locate(text, &pointer),
            path: pointer,
            problem,
        })
        .collect();
    // A default is read once for each target that uses it.
    findings.sort_by_key(|finding| (finding.position.line, finding.position.column));
    findings.dedup();
    Ok((config, findings))
}

impl fmt::Display for Finding {
    /// Without the file's name: `3:14: error: /actions/x/criteria: ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, position, path, problem } = self;
        write!(f, "{}:{}: {severity}: {path}: {problem}", position.line, position.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(problem) => problem.fmt(f),
            Self::Criteria(error) => error.body().fmt(f),
            Self::UnknownTarget { name, nearest: Some(nearest) } => {
                write!(f, "no target \"{name}\", skipped; did you mean \"{nearest}\"?")
            }
            Self::UnknownTarget { name, nearest: None } => {
                write!(f, "no target \"{name}\", skipped")
            }
            Self::IdleTarget { name, reason } => write!(f, "target \"{name}\" {reason}, skipped"),
            Self::NotYet { what } => write!(f, "{what} is not supported yet, ignored"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: error: {source}", path.display()),
            Self::TooLarge { path } => {
                let most = TEXT_BYTES_MAX >> 20;
                write!(
                    f,
                    "{}: larger than {most} MiB, the most a configuration has",
                    path.display()
                )
            }
            Self::Syntax { path, source } => {
                write!(f, "{}: error: not valid JSON: {source}", path.display())
            }
            Self::NoObject { path } => {
                write!(f, "{}: error: expected a JSON object, such as {{}}", path.display())
            }
        }
    }
}

impl std::error::Error for ConfigError {}
