//! `nfa check`: tells everything that is wrong with a configuration.

use std::io::Write;

use nfa::config::Severity;

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome};

/// The command.
pub static CHECK: Command = Command {
    name: "check",
    doc: "tells everything that is wrong with a configuration",
    usage: "check --config FILE",
    run,
};

/// Findings go to standard output: they are what was asked for.
fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("check")?;
    let Some(path) = &options.config else {
        return Err(UsageError::Needs { command: "check", what: "--config FILE" }.into());
    };
    let mut out = std::io::stdout().lock();
    let mut lines = Vec::new();
    let catalogue = super::load_catalogue(options, |line| lines.push(format!("warning: {line}")));
    let (mut errors, mut warnings) = (0u32, lines.len());
    let config = super::load_config(path, &catalogue, |severity, line| {
        match severity {
            Severity::Error => errors = errors.saturating_add(1),
            Severity::Warning => warnings = warnings.saturating_add(1),
        }
        lines.push(line);
    });
    for line in lines {
        writeln!(out, "{line}")?;
    }
    if let Some(config) = config {
        let actions = config.policy.actions.iter().filter(|action| action.enabled).count();
        let targets = config.targets.len();
        let sets = config.sets.iter().count();
        writeln!(
            out,
            "{}: {errors} errors, {warnings} warnings; \
             {actions} actions, {targets} targets, {sets} sets are in force",
            path.display()
        )?;
    }
    Ok(if errors > 0 { Outcome::Problems } else { Outcome::Fine })
}
