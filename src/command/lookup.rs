//! `nfa lookup`: which application a host name or an address belongs to, and why.

use std::io::Write;
use std::net::IpAddr;

use nfa::app::{App, AppId, Catalogue, PatternIndex};
use nfa::facts::host_name;
use nfa::json::object;
use serde_json::Value;

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome, list};

/// The command.
pub static LOOKUP: Command = Command {
    name: "lookup",
    doc: "tells which application a host name or address belongs to, and why",
    usage: "lookup [--json] NAME|ADDRESS...",
    run,
};

/// An application and what of the catalogue names it.
struct Found<'c> {
    app: App<'c>,
    by: &'static str,
    entry: String,
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    if options.arguments.is_empty() {
        let what = "a host name or an address";
        return Err(UsageError::Needs { command: "lookup", what }.into());
    }
    let catalogue = super::load_catalogue(options, |line| eprintln!("nfa: {line}"));
    let mut out = std::io::stdout().lock();
    let mut outcome = Outcome::Fine;
    for argument in &options.arguments {
        let wanted = argument.to_string_lossy();
        let found = match wanted.parse::<IpAddr>() {
            Ok(addr) => by_address(&catalogue, addr),
            Err(_) => by_host(&catalogue, &wanted).or_else(|| by_name(&catalogue, &wanted)),
        };
        match found {
            Some(found) if options.json => writeln!(out, "{}", as_json(&wanted, &found))?,
            Some(Found { app, by, entry }) => writeln!(
                out,
                "{wanted}: {} ({}), category {}, id {}, by {by} {entry}",
                app.tag, app.name, app.category.tag, app.id
            )?,
            None => {
                outcome = Outcome::Problems;
                // Names of applications are few and alike; names of hosts are neither.
                let has_dot = wanted.contains(['.', ':']);
                let nearest = (!has_dot).then(|| super::nearest_app(&catalogue, &wanted)).flatten();
                eprintln!("nfa: {}", list::unknown("application for", &wanted, nearest));
            }
        }
    }
    Ok(outcome)
}

fn by_address(catalogue: &Catalogue, addr: IpAddr) -> Option<Found<'_>> {
    let app = catalogue.app(catalogue.by_address(addr)?)?;
    let entry = catalogue.networks().around(addr)?.to_string();
    Some(Found { app, by: "network", entry })
}

fn by_host<'c>(catalogue: &'c Catalogue, wanted: &str) -> Option<Found<'c>> {
    let host = host_name(wanted.as_bytes())?;
    let app: AppId = catalogue.by_host(&host)?;
    let under = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let domains = catalogue.domains().iter().filter(|(name, exact, value)| {
        usize::from(*value) == app.index() && (*name == &*host || !exact && under(name))
    });
    // The longest domain counts; a name listed alone counts before the same with all under it.
    let domain = domains.max_by_key(|(name, exact, _)| (name.len(), *exact));
    let (by, entry) = match domain {
        Some((name, true, _)) => ("the name", name.to_owned()),
        Some((name, false, _)) => ("domain", name.to_owned()),
        None => {
            let fits = |(text, value): &(String, u16)| {
                usize::from(*value) == app.index() && PatternIndex::fits(text, &host)
            };
            ("pattern", catalogue.patterns().iter().find(fits)?.0)
        }
    };
    Some(Found { app: catalogue.app(app)?, by, entry })
}

/// The argument is an application's own name.
fn by_name<'c>(catalogue: &'c Catalogue, wanted: &str) -> Option<Found<'c>> {
    let app = catalogue.app(catalogue.resolve(wanted)?)?;
    Some(Found { app, by: "its name", entry: app.tag.to_owned() })
}

fn as_json(wanted: &str, Found { app, by, entry }: &Found<'_>) -> Value {
    object! {
        "wanted": wanted,
        "id": app.id,
        "tag": app.tag,
        "name": app.name,
        "category": app.category.tag,
        "by": by.split(' ').next_back().unwrap_or(by),
        "entry": entry,
    }
}
