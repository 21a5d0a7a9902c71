//! The configuration: read as written, checked, every problem reported, none fatal that need not
//! be (spec sections 1 and 6).

mod adopt;
mod check;
mod locate;
mod schedule;
mod syntax;
mod telemetry;

pub use adopt::Adopted;
pub use locate::Position;
pub use syntax::SyntaxError;
pub use telemetry::{RecordKind, Telemetry};

use std::cmp::Reverse;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::criteria;
use crate::interface::Interface;
use crate::json;
use crate::lists::{self, Folders, Lists};
use crate::net::Network;
use crate::netlink::nftables::Feed;
use crate::policy::Policy;
use crate::privacy::Privacy;
use crate::swarm::Infer;
use crate::target::{Sets, Streams, Target};
use crate::zone::Zone;

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
    /// NFLOG groups among them that nfa itself feeds.
    pub feeds: Vec<Feed>,
    /// Networks of the LAN beside the private ranges and the interfaces' own.
    pub local_networks: Vec<Network>,
    /// Address groups and category lists.
    pub lists: Lists,
    /// How BitTorrent is told where its content does not show it.
    pub bittorrent: Bittorrent,
    /// Most live flows, if it says.
    pub flows_max: Option<usize>,
    /// Evaluate every live flow again after a reload.
    pub reprocess_flows: bool,
    /// Where schedules are read off the clock: the zone it names, else the system's.
    pub zone: Zone,
    /// What records say of people.
    pub privacy: Privacy,
    /// Records of all flows, if somebody wants them.
    pub telemetry: Option<Telemetry>,
    /// Fill sets because of their names ([`Config::adopt`]).
    pub adopts: bool,
    /// Those that are filled so.
    pub adopted: Adopted,
}

/// How BitTorrent is told where its content does not show it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bittorrent {
    /// Most endpoints remembered, if it says.
    pub endpoints_max: Option<u32>,
    /// A flow with a known endpoint has its name from its first packet, not its first payload.
    pub from_syn: bool,
    /// What becomes of flows that have no more than the shape of encrypted BitTorrent.
    pub infer: Infer,
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
    /// A key stands twice in one object; only the last counts.
    Duplicate {
        /// Where it stood before.
        first: Position,
    },
    /// There are more than are told.
    More {
        /// How many.
        count: usize,
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
        source: SyntaxError,
    },
    /// It is JSON but no object.
    NoObject {
        /// Its path.
        path: PathBuf,
    },
}

/// Longest configuration read, in bytes.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Most findings that are told one by one: each costs a walk through the text, and nobody reads on.
const FINDINGS_MAX: usize = 200;

/// A configuration with what it names, and all that is wrong with either.
#[derive(Debug)]
pub struct Loaded {
    /// What can be used.
    pub config: Config,
    /// In the configuration itself.
    pub findings: Vec<Finding>,
    /// In the files of address groups and category lists.
    pub of_lists: Vec<lists::Finding>,
}

/// Reads and checks the file and the lists it names. Names of applications come from `catalogue`.
///
/// # Errors
/// Only if nothing of it can be used.
pub fn load(path: &Path, catalogue: &crate::app::Catalogue) -> Result<Loaded, ConfigError> {
    let read = |source| ConfigError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > TEXT_BYTES_MAX {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let root = object(&text, path)?;
    let folder = |key| root.get(key).and_then(Value::as_str);
    let folders = Folders::new(folder(check::ADDRESS_GROUPS), folder(check::CATEGORY_LISTS));
    let (lists, of_lists) = Lists::load(&folders);
    let (config, findings) = checked(&root, &text, catalogue, lists);
    Ok(Loaded { config, findings, of_lists })
}

/// Checks a configuration that is at hand, with lists that were loaded before; `path` only names
/// it in messages.
///
/// # Errors
/// Only if nothing of it can be used.
pub fn parse(
    text: &str,
    path: &Path,
    catalogue: &crate::app::Catalogue,
    lists: Lists,
) -> Result<(Config, Vec<Finding>), ConfigError> {
    let root = object(text, path)?;
    Ok(checked(&root, text, catalogue, lists))
}

fn object(text: &str, path: &Path) -> Result<Value, ConfigError> {
    let root: Value = serde_json::from_str(text).map_err(|error| {
        let source = SyntaxError::new(text, &error);
        ConfigError::Syntax { path: path.to_owned(), source }
    })?;
    if root.is_object() { Ok(root) } else { Err(ConfigError::NoObject { path: path.to_owned() }) }
}

fn checked(
    root: &Value,
    text: &str,
    catalogue: &crate::app::Catalogue,
    lists: Lists,
) -> (Config, Vec<Finding>) {
    let (config, mut problems) = check::check(root, catalogue, lists);
    // Errors first, if not all can be told.
    problems.sort_by_key(|(severity, ..)| Reverse(*severity));
    let untold = problems.split_off(problems.len().min(FINDINGS_MAX));
    let mut findings: Vec<Finding> = problems
        .into_iter()
        .map(|(severity, pointer, problem)| Finding {
            severity,
            position: locate::locate(text, &pointer),
            path: pointer,
            problem,
        })
        .collect();
    // The reader of JSON keeps the last of several and says nothing.
    findings.extend(locate::duplicates(text).into_iter().map(|duplicate| Finding {
        severity: Severity::Error,
        position: duplicate.again,
        path: duplicate.path,
        problem: Problem::Duplicate { first: duplicate.first },
    }));
    // A default is read once for each target that uses it.
    findings.sort_by_key(|finding| (finding.position.line, finding.position.column));
    findings.dedup();
    findings.extend(untold.first().map(|(severity, ..)| Finding {
        severity: *severity,
        position: Position { line: 1, column: 1 },
        path: "/".to_owned(),
        problem: Problem::More { count: untold.len() },
    }));
    (config, findings)
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
            Self::More { count } => write!(f, "{count} more like these are not shown"),
            Self::UnknownTarget { name, nearest: Some(nearest) } => {
                write!(f, "no target \"{name}\", skipped; did you mean \"{nearest}\"?")
            }
            Self::UnknownTarget { name, nearest: None } => {
                write!(f, "no target \"{name}\", skipped")
            }
            Self::IdleTarget { name, reason } => write!(f, "target \"{name}\" {reason}, skipped"),
            Self::Duplicate { first } => write!(
                f,
                "written before, at {}:{}: that one is ignored, only this one counts",
                first.line, first.column
            ),
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
                let Position { line, column } = source.position;
                write!(f, "{}:{line}:{column}: error: {source}", path.display())
            }
            Self::NoObject { path } => {
                write!(f, "{}: error: expected a JSON object, such as {{}}", path.display())
            }
        }
    }
}

impl std::error::Error for ConfigError {}
