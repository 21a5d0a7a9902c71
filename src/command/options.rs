//! The options of the command line. One table: `--help` is made from it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::Arg;
use nfa::net::Network;
use nfa::spelling;
use nfa::uci::Backend;

/// Every option with its help line.
pub const FLAGS: &[(&str, &str)] = &[
    ("--config FILE", "the configuration (JSON)"),
    (
        "--catalogue PATH",
        "applications, repeatable, a later one wins (default: /usr/share/nfa/apps.d /etc/nfa/apps.d)",
    ),
    ("--interface NAME", "capture here instead of where the configuration says"),
    ("--local NETWORK", "replay: these addresses are the LAN's too (repeatable)"),
    ("--max-flows N", "most live flows (default: 8192)"),
    ("--socket PATH", "the daemon's control socket (default: /var/run/nfa.sock)"),
    ("--user NAME", "run: give up the rights of root and go on as this user of /etc/passwd"),
    ("--limit N", "asking the daemon: most rows (default: 50)"),
    ("--cursor TEXT", "flows, sets: the rows after those of the answer that gave it"),
    ("--sort WORD", "flows: by newest, seen, bytes or packets"),
    ("--client ADDRESS", "flows, top: only those of this address or hardware address"),
    ("--rule ACTION", "flows: only those that match this action"),
    ("--text TEXT", "flows: only those with this in a name or address"),
    ("--by WORD", "top: by application, category, protocol or client"),
    ("--once", "top: one table, not live"),
    ("--flow FLOW", "explain: a flow in words, such as 'tcp 192.168.1.10:40000 203.0.113.9:443'"),
    ("--json", "JSON instead of text"),
    ("--collectd", "metrics: as lines of collectd's exec plugin"),
    ("--no-expiry", "replay: flows live to the end of the capture"),
    ("--output FILE", "uci: write here, at once and whole, instead of standard output"),
    ("--backend NAME", "uci, rules: which sets 'auto' means: nft (default), ipset or both"),
    ("--device NAME=DEVICE", "uci, rules: the device of a logical interface (repeatable)"),
    ("--offload", "uci, rules: connections are offloaded, so what is cut is also forgotten"),
    ("--format NAME", "rules: nft (default), iptables, ip6tables, ip, sets or tc"),
    ("--keep FILE", "rules: stay, and load FILE by nft whenever our table was deleted"),
    ("--quiet", "replay: no lines for flows and set changes"),
    ("--summary", "replay: a table at the end"),
    ("-h, --help", "this text; with a command, its own"),
    ("-V, --version", "the version"),
];

/// Options that are keys of requests to the daemon, which checks their values.
const QUERY: &[&str] = &["sort", "client", "rule", "text", "by"];

/// The names among [`FLAGS`], without values.
fn option_names() -> impl Iterator<Item = &'static str> {
    let words = FLAGS.iter().flat_map(|(flag, _)| flag.split([' ', ',']));
    words.filter(|word| word.starts_with("--"))
}

/// What the command line says.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The first argument.
    pub command: Option<String>,
    /// The others.
    pub arguments: Vec<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--catalogue`.
    pub catalogue: Vec<PathBuf>,
    /// `--interface`.
    pub interface: Option<String>,
    /// `--local`.
    pub local: Vec<Network>,
    /// `--max-flows`.
    pub max_flows: Option<usize>,
    /// `--socket`.
    pub socket: Option<PathBuf>,
    /// `--user`.
    pub user: Option<String>,
    /// What the daemon is asked with: keys of its requests.
    pub query: Vec<(&'static str, serde_json::Value)>,
    /// `--once`.
    pub once: bool,
    /// `--flow`.
    pub flows: Vec<String>,
    /// `--json`.
    pub json: bool,
    /// `--collectd`.
    pub collectd: bool,
    /// `--no-expiry`.
    pub no_expiry: bool,
    /// `--output`.
    pub output: Option<PathBuf>,
    /// `--backend`.
    pub backend: Option<Backend>,
    /// `--device`.
    pub devices: Vec<(String, String)>,
    /// `--offload`.
    pub offload: bool,
    /// `--format`.
    pub format: Option<String>,
    /// `--keep`.
    pub keep: Option<PathBuf>,
    /// `--quiet`.
    pub quiet: bool,
    /// `--summary`.
    pub summary: bool,
    /// `--help`.
    pub help: bool,
    /// `--version`.
    pub version: bool,
}

/// What is wrong with the arguments.
#[derive(Debug)]
pub enum UsageError {
    /// No command.
    NoCommand,
    /// No such command.
    UnknownCommand {
        /// As written.
        name: String,
        /// The closest one.
        nearest: Option<String>,
    },
    /// An option that the command needs.
    Needs {
        /// The command.
        command: &'static str,
        /// The option or argument.
        what: &'static str,
    },
    /// An argument that the command has no use for.
    Unexpected {
        /// The command.
        command: &'static str,
        /// As written.
        argument: String,
    },
    /// A second argument to a command that takes one.
    OneArgument {
        /// The command.
        command: &'static str,
        /// As written.
        argument: String,
    },
    /// An option's value.
    Value {
        /// The option.
        option: &'static str,
        /// As written.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// An option that this command has no use for.
    NotForCommand {
        /// The command.
        command: String,
        /// The option.
        option: String,
    },
    /// The daemon refused the request.
    Refused {
        /// The key of the request; empty: all of it.
        at: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// Anything the parser of arguments found.
    Parser(lexopt::Error),
}

impl UsageError {
    /// For a command that is none of `known`.
    pub fn unknown_command<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let nearest = spelling::nearest(name, known);
        UsageError::UnknownCommand { name: name.to_owned(), nearest }
    }
}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        UsageError::Parser(error)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => f.write_str("expected a command, such as run, check or replay"),
            Self::UnknownCommand { name, nearest: Some(nearest) } => {
                write!(f, "no command '{name}'; did you mean '{nearest}'?")
            }
            Self::UnknownCommand { name, nearest: None } => write!(f, "no command '{name}'"),
            Self::Needs { command, what } => write!(f, "{command} needs {what}"),
            Self::Unexpected { command, argument } => {
                write!(f, "{command} takes no argument, found '{argument}'")
            }
            Self::OneArgument { command, argument } => {
                write!(f, "{command} takes one argument at most, found '{argument}'")
            }
            Self::Value { option, found, expected } => {
                write!(f, "{option} '{found}': {expected}")
            }
            Self::NotForCommand { command, option } => write!(f, "{command} has no {option}"),
            Self::Refused { at, message } if at.is_empty() => f.write_str(message),
            Self::Refused { at, message } => write!(f, "{at}: {message}"),
            Self::Parser(lexopt::Error::UnexpectedOption(option)) => {
                write!(f, "no option '{option}'")?;
                match spelling::nearest(option, option_names()) {
                    Some(nearest) => write!(f, "; did you mean '{nearest}'?"),
                    None => Ok(()),
                }
            }
            Self::Parser(error) => error.fmt(f),
        }
    }
}

impl Options {
    /// Reads arguments, the program's name left out.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut options = Options::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("config") => options.config = Some(parser.value()?.into()),
                Arg::Long("catalogue") => options.catalogue.push(parser.value()?.into()),
                Arg::Long("interface") => {
                    options.interface = Some(read("--interface", parser.value()?, "a name")?);
                }
                Arg::Long("local") => {
                    let expected = "expected a network such as 2001:db8::/56";
                    options.local.push(read("--local", parser.value()?, expected)?);
                }
                Arg::Long("max-flows") => {
                    let expected = "expected a whole number above 0";
                    let flows: usize = read("--max-flows", parser.value()?, expected)?;
                    if flows == 0 {
                        let (option, found) = ("--max-flows", "0".to_owned());
                        return Err(UsageError::Value { option, found, expected: expected.into() });
                    }
                    options.max_flows = Some(flows);
                }
                Arg::Long("limit" | "cursor") => {
                    let is_limit = matches!(argument, Arg::Long("limit"));
                    let text = parser.value()?.to_string_lossy().into_owned();
                    let number = text.parse::<u64>().ok();
                    if is_limit && number.is_none() {
                        let expected = "expected a whole number from 1 to 500".to_owned();
                        let (option, found) = ("--limit", text);
                        return Err(UsageError::Value { option, found, expected });
                    }
                    let value = number.map_or_else(|| text.into(), serde_json::Value::from);
                    options.query.push((if is_limit { "limit" } else { "cursor" }, value));
                }
                Arg::Long(name) if QUERY.contains(&name) => {
                    let key = QUERY.iter().find(|key| **key == name).copied();
                    let text = parser.value()?.to_string_lossy().into_owned();
                    options.query.extend(key.map(|key| (key, text.into())));
                }
                Arg::Long("once") => options.once = true,
                Arg::Long("user") => {
                    options.user = Some(read("--user", parser.value()?, "a name")?);
                }
                Arg::Long("socket") => options.socket = Some(parser.value()?.into()),
                Arg::Long("flow") => {
                    options.flows.push(parser.value()?.to_string_lossy().into_owned());
                }
                Arg::Long("output") => options.output = Some(parser.value()?.into()),
                Arg::Long("backend") => {
                    let word = parser.value()?.to_string_lossy().into_owned();
                    let found = Backend::WORDS.iter().find(|(known, _)| *known == word);
                    let (_, backend) = found.ok_or_else(|| UsageError::Value {
                        option: "--backend",
                        found: word.clone(),
                        expected: "expected nft, ipset or both".to_owned(),
                    })?;
                    options.backend = Some(*backend);
                }
                Arg::Long("device") => {
                    let text = parser.value()?.to_string_lossy().into_owned();
                    let Some((logical, device)) = text.split_once('=') else {
                        let (option, expected) = ("--device", "expected NAME=DEVICE".to_owned());
                        return Err(UsageError::Value { option, found: text, expected });
                    };
                    options.devices.push((logical.to_owned(), device.to_owned()));
                }
                Arg::Long("keep") => options.keep = Some(parser.value()?.into()),
                Arg::Long("offload") => options.offload = true,
                Arg::Long("format") => {
                    options.format = Some(parser.value()?.to_string_lossy().into_owned());
                }
                Arg::Long("json") => options.json = true,
                Arg::Long("collectd") => options.collectd = true,
                Arg::Long("no-expiry") => options.no_expiry = true,
                Arg::Long("quiet") => options.quiet = true,
                Arg::Long("summary") => options.summary = true,
                Arg::Long("help") | Arg::Short('h') => options.help = true,
                Arg::Long("version") | Arg::Short('V') => options.version = true,
                Arg::Value(value) if options.command.is_none() => {
                    options.command = Some(value.to_string_lossy().into_owned());
                }
                Arg::Value(value) => options.arguments.push(value.into()),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// Where the daemon listens.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| nfa::control::SOCKET_DEFAULT.into())
    }

    /// For a command that takes no arguments.
    pub fn no_arguments(&self, command: &'static str) -> Result<(), UsageError> {
        match self.arguments.first() {
            None => Ok(()),
            Some(argument) => {
                let argument = argument.display().to_string();
                Err(UsageError::Unexpected { command, argument })
            }
        }
    }
}

fn read<T: FromStr>(
    option: &'static str,
    value: OsString,
    expected: &str,
) -> Result<T, UsageError> {
    let text = value.to_string_lossy();
    text.parse().map_err(|_| UsageError::Value {
        option,
        found: text.into_owned(),
        expected: expected.to_owned(),
    })
}
