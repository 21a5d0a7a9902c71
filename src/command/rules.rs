//! `nfa rules`: prints the firewall's and shaper's text that belongs to a configuration.

use std::io::Write;

use nfa::rules::{Devices, FORMATS, Format};
use nfa::spelling;

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome, keep, uci};

/// The command.
pub static RULES: Command = Command {
    name: "rules",
    doc: "prints the nft, iptables, ip and tc text that belongs to /etc/config/nfa",
    usage: "rules [--format NAME] [--output FILE] [--device NAME=DEVICE] FILE, or rules --keep FILE",
    run,
};

fn run(options: &Options) -> Result<Outcome, Failure> {
    if let Some(path) = &options.keep {
        options.no_arguments("rules --keep")?;
        return keep::run(path);
    }
    let format = format(options.format.as_deref())?;
    let (setup, outcome) = uci::read(options, "rules")?;
    let Some(setup) = setup else { return Ok(Outcome::Problems) };
    let wan = options.devices.iter().find(|(logical, _)| logical == "wan");
    let devices = Devices { wan: wan.map_or("wan", |(_, device)| device) };
    let text = nfa::rules::text(format, &setup, &devices)
        .map_err(|error| Failure::Message(format!("{}: {error}", format.name)))?;
    match &options.output {
        None => write!(std::io::stdout().lock(), "{text}")?,
        Some(path) => uci::write_whole(path, &text)
            .map_err(|error| Failure::Message(format!("{}: {error}", path.display())))?,
    }
    Ok(outcome)
}

fn format(name: Option<&str>) -> Result<&'static Format, UsageError> {
    let Some(name) = name else {
        return FORMATS.first().ok_or(UsageError::NoCommand);
    };
    let known = FORMATS.iter().find(|format| format.name == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        let nearest = spelling::nearest(name, names.iter().copied());
        let hint = nearest.map_or(String::new(), |name| format!("; did you mean '{name}'?"));
        let expected = format!("expected one of {}{hint}", names.join(", "));
        UsageError::Value { option: "--format", found: name.to_owned(), expected }
    })
}
