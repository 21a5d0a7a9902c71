//! The commands of the program, one file each.

mod ask;
mod check;
mod collectd;
mod doctor;
mod explain;
mod keep;
mod list;
mod log;
mod lookup;
mod manual;
mod metrics;
mod options;
mod replay;
mod rules;
mod ruleset;
mod run;
mod show;
mod status;
mod stream;
mod summary;
mod support;
mod surroundings;
mod told;
mod top;
mod uci;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nfa::app::Catalogue;
use nfa::config::{self, Config, Loaded, Severity};

use options::{Options, UsageError};

/// A command: what `nfa NAME` does.
struct Command {
    name: &'static str,
    doc: &'static str,
    usage: &'static str,
    run: fn(&Options) -> Result<Outcome, Failure>,
}

/// What the exit status means.
const EXIT_STATUS: &str =
    "0 all well; 1 problems were reported; 2 wrong arguments; 3 no daemon answers";

/// Every command there is.
static COMMANDS: &[&Command] = &[
    &replay::REPLAY,
    &run::RUN,
    &check::CHECK,
    &explain::EXPLAIN,
    &status::STATUS,
    &top::TOP,
    &status::FLOWS,
    &status::SETS,
    &status::SEARCH,
    &status::WHY,
    &status::FINDINGS,
    &status::RELOAD,
    &doctor::DOCTOR,
    &support::SUPPORT,
    &metrics::METRICS,
    &stream::STREAM,
    &lookup::LOOKUP,
    &uci::UCI,
    &rules::RULES,
    &list::APPS,
    &list::PROTOCOLS,
    &list::CATEGORIES,
    &list::FIELDS,
    &manual::COMPLETION,
    &manual::MAN,
];

/// How a command that ran to its end went.
enum Outcome {
    /// All is well.
    Fine,
    /// Something was reported on the way; the rest was done.
    Problems,
}

/// Why a command did nothing, or stopped.
enum Failure {
    /// The arguments.
    Usage(UsageError),
    /// Anything else; one line.
    Message(String),
    /// There is no daemon to ask; one line.
    NoDaemon(String),
    /// Whoever read our output has gone: nothing to say to anybody.
    BrokenPipe,
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Failure::Usage(error)
    }
}

impl From<std::io::Error> for Failure {
    /// Output is all that commands write without a message of their own.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Message(format!("standard output: {error}")),
        }
    }
}

/// Runs the command that the arguments name. Exit status: 0 all well, 1 problems were reported,
/// 2 wrong arguments.
pub fn main() -> ExitCode {
    let result = match Options::parse(std::env::args_os().skip(1)) {
        Err(error) => Err(Failure::Usage(error)),
        Ok(options) if options.help => help(&options).map_err(Failure::from),
        Ok(options) if options.version => {
            writeln!(std::io::stdout(), "nfa {}", env!("CARGO_PKG_VERSION"))
                .map(|()| Outcome::Fine)
                .map_err(Failure::from)
        }
        Ok(options) => run(&options),
    };
    match result {
        Ok(Outcome::Fine) | Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Ok(Outcome::Problems) => ExitCode::from(1),
        Err(Failure::Message(message)) => {
            eprintln!("nfa: {message}");
            ExitCode::from(1)
        }
        Err(Failure::NoDaemon(message)) => {
            eprintln!("nfa: {message}");
            ExitCode::from(3)
        }
        Err(Failure::Usage(error)) => {
            eprintln!("nfa: {error}\nTry 'nfa --help'.");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    let Some(name) = options.command.as_deref() else {
        return Err(UsageError::NoCommand.into());
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(options),
        None => {
            let known = COMMANDS.iter().map(|command| command.name);
            Err(UsageError::unknown_command(name, known).into())
        }
    }
}

fn help(options: &Options) -> std::io::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    let one = COMMANDS.iter().find(|command| Some(command.name) == options.command.as_deref());
    if let Some(command) = one {
        writeln!(out, "nfa {} - {}\n\nusage: nfa {}", command.name, command.doc, command.usage)?;
    } else {
        writeln!(out, "nfa - names the traffic of a router's LAN and keeps kernel sets of it\n")?;
        writeln!(out, "usage: nfa COMMAND [OPTION...] [ARGUMENT...]\n\ncommands:")?;
        for command in COMMANDS {
            writeln!(
                out,
                "  {:<10} {}\n             nfa {}",
                command.name, command.doc, command.usage
            )?;
        }
    }
    writeln!(out, "\noptions:")?;
    for (flag, doc) in options::FLAGS {
        writeln!(out, "  {flag:<24} {doc}")?;
    }
    writeln!(out, "\nexit status: {EXIT_STATUS}")?;
    Ok(Outcome::Fine)
}

/// Where the catalogue of applications is looked for: beside the installed program's data, then
/// in the source tree that the program was built in; after either, what the user added.
fn catalogue_paths(options: &Options) -> Vec<PathBuf> {
    const INSTALLED: &str = "/usr/share/nfa/apps.d";
    const OWN: &str = "/etc/nfa/apps.d";
    if !options.catalogue.is_empty() {
        return options.catalogue.clone();
    }
    let in_tree = || {
        let program = std::env::current_exe().ok()?;
        let mut above = program.ancestors().skip(1);
        above.find_map(|folder| {
            let source = folder.join("files/usr/share/nfa/apps.d");
            source.is_dir().then_some(source)
        })
    };
    let installed = Some(PathBuf::from(INSTALLED)).filter(|folder| folder.is_dir());
    let own = Some(PathBuf::from(OWN)).filter(|folder| folder.is_dir());
    installed.or_else(in_tree).into_iter().chain(own).collect()
}

/// Loads the catalogue; what is wrong with it is told through `report`, and the rest counts.
fn load_catalogue(options: &Options, mut report: impl FnMut(String)) -> Catalogue {
    let paths = catalogue_paths(options);
    if paths.is_empty() {
        report("no catalogue of applications found: name its folder with --catalogue".to_owned());
    }
    let mut catalogue = Catalogue::empty();
    for path in paths {
        catalogue.add(&path).iter().for_each(|finding| report(finding.to_string()));
    }
    catalogue
}

/// The application whose tag or short name is closest to `name`.
fn nearest_app(catalogue: &Catalogue, name: &str) -> Option<String> {
    let mut nearest = nfa::spelling::Nearest::new(name);
    for app in catalogue.iter() {
        nearest.consider(app.short_name(), app.tag);
        nearest.consider(app.tag, app.tag);
    }
    nearest.found()
}

/// Loads a configuration; its findings are told through `report`. `None` if none of it can be
/// used, which was told too.
fn load_config(
    path: &Path,
    catalogue: &Catalogue,
    mut report: impl FnMut(Severity, String),
) -> Option<Config> {
    match config::load(path, catalogue) {
        Ok(Loaded { config, findings, of_lists }) => {
            for finding in of_lists {
                report(finding.severity, finding.to_string());
            }
            for finding in findings {
                report(finding.severity, format!("{}:{finding}", path.display()));
            }
            Some(config)
        }
        Err(error) => {
            report(Severity::Error, error.to_string());
            None
        }
    }
}
