//! `nfa explain`: tells of each flow which actions match, which do not, and what decided.

use std::io::Write;
use std::sync::Arc;

use nfa::config::Severity;
use nfa::control::{explanation, reason, seen_on};
use nfa::engine::{Ended, Engine};
use nfa::flow::{Detection, Evidence, Known, Source};
use nfa::policy::{Obstacle, View};

use super::options::{Options, UsageError};
use super::replay;
use super::told::Told;
use super::{Command, Failure, Outcome};

/// The command.
pub static EXPLAIN: Command = Command {
    name: "explain",
    doc: "tells of each flow which actions match, which do not, and why",
    usage: "explain --config FILE [--json] [--flow 'tcp 192.168.1.10:40000 203.0.113.9:443 \
            host=www.youtube.com']... [CAPTURE...]",
    run,
};

fn run(options: &Options) -> Result<Outcome, Failure> {
    let needs = |what| Failure::from(UsageError::Needs { command: "explain", what });
    if options.config.is_none() {
        return Err(needs("--config FILE"));
    }
    if options.flows.is_empty() && options.arguments.is_empty() {
        return Err(needs("a capture, or --flow 'tcp 192.168.1.10:40000 203.0.113.9:443'"));
    }
    if !options.flows.is_empty() {
        let outcome = explain_told(options)?;
        if options.arguments.is_empty() {
            return Ok(outcome);
        }
    }
    replay::replay(options, Some(tell_ended))
}

/// The flows that the command line describes.
fn explain_told(options: &Options) -> Result<Outcome, Failure> {
    let tells_config = options.arguments.is_empty(); // else the captures do
    let catalogue = super::load_catalogue(options, |line| {
        if tells_config {
            eprintln!("nfa: {line}");
        }
    });
    let catalogue = Arc::new(catalogue);
    let told: Result<Vec<Told>, UsageError> =
        options.flows.iter().map(|text| Told::parse(text, &catalogue)).collect();
    let told = told?;
    let mut outcome = Outcome::Fine;
    let config = options.config.as_deref().and_then(|path| {
        super::load_config(path, &catalogue, |severity, line| {
            if severity == Severity::Error {
                outcome = Outcome::Problems;
            }
            if tells_config {
                eprintln!("nfa: {line}");
            }
        })
    });
    let Some(config) = config else {
        return Err(Failure::Message("no usable configuration".to_owned()));
    };
    let engine = replay::engine(options, &catalogue, config, true);
    let mut out = std::io::stdout().lock();
    for told in told {
        let flow = told.flow(&engine, options)?;
        let interface = told.interface(&engine, options);
        let view = View { interface: &interface, ..engine.view(&flow) };
        tell(&mut out, options, &engine, &view, true)?;
    }
    Ok(outcome)
}

fn tell_ended(
    out: &mut dyn Write,
    options: &Options,
    engine: &Engine,
    ended: &Ended,
) -> std::io::Result<()> {
    tell(out, options, engine, &engine.view(&ended.flow), !ended.undecided)
}

fn tell(
    out: &mut dyn Write,
    options: &Options,
    engine: &Engine,
    view: &View<'_>,
    evaluated: bool,
) -> std::io::Result<()> {
    let actions = engine.explain(view);
    if options.json {
        return writeln!(out, "{}", explanation(engine, view, evaluated, &actions));
    }
    head(out, view)?;
    if !evaluated {
        writeln!(out, "  it ended before it was named, so no action was evaluated; had it been:")?;
    }
    if actions.is_empty() {
        writeln!(out, "  the configuration has no actions")?;
    }
    let mut exempt_told = false;
    for explained in &actions {
        let outcome = &explained.outcome;
        let words = reason(engine, view, explained);
        writeln!(out, "  {}: {words}", outcome.action.name)?;
        let is_exempt = matches!(outcome.obstacle, Some(Obstacle::Exempt(_)));
        if let Some(decisive) = &outcome.decided_by
            && !(is_exempt && exempt_told)
        {
            exempt_told |= is_exempt;
            for line in decisive.explanation.to_string().lines().skip(1) {
                writeln!(out, "    {}", line.trim_end())?;
            }
        }
        for fired in &explained.fires {
            if fired.wants.is_empty() {
                writeln!(out, "    -> {}: nothing for this interface or family", fired.target)?;
            }
            for want in &fired.wants {
                writeln!(out, "    -> {}: {want}", fired.target)?;
            }
        }
        if outcome.obstacle.is_none() && explained.fires.is_empty() {
            writeln!(out, "    -> no target")?;
        }
    }
    writeln!(out)
}

/// What the flow is.
fn head(out: &mut dyn Write, view: &View<'_>) -> std::io::Result<()> {
    let flow = view.flow;
    let [source, destination] = flow.ends();
    let transport = flow.key.transport();
    if view.ports().is_some() {
        write!(out, "{transport} {source} -> {destination}")?;
    } else {
        write!(out, "{transport} {} -> {}", source.addr, destination.addr)?;
    }
    writeln!(out, ", seen on {}", seen_on(view))?;
    let protocol = view.protocol().map_or("unknown protocol", |protocol| protocol.name);
    write!(out, "  {protocol}{}", told_by(&flow.detection))?;
    match view.app() {
        Some(app) => write!(out, ", {} ({})", app.tag, app.category.tag)?,
        None => write!(out, ", no application")?,
    }
    if let Some(host) = view.facts().and_then(|facts| facts.host.as_deref()) {
        write!(out, ", host {host}")?;
    }
    if let Some(hint) = &flow.detection.hint {
        write!(out, ", DNS said {hint}")?;
    }
    let other_type = flow.sides.other_type.name();
    let (local, other) = (flow.local().addr, flow.other().addr);
    writeln!(out, "\n  local {local}, other {other} ({other_type})")
}

/// What the protocol was told by, unless by content.
fn told_by(detection: &Detection) -> &'static str {
    match (detection.source(), detection.evidence) {
        (Source::Unknown | Source::Content, _) => "",
        (Source::Port, _) => " (by its port)",
        (_, Evidence::Swarm(Known::Told)) => " (swarm: others say that the other end is a peer)",
        (_, Evidence::Swarm(Known::Proven)) => " (swarm: the other end spoke it before)",
        (_, Evidence::Swarm(Known::Port)) => " (swarm: the local port is a client's)",
        _ => " (inferred: its shape, and the host speaks it)",
    }
}
