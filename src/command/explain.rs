//! `nfa explain`: tells of each flow which actions match, which do not, and what decided.

use std::io::Write;
use std::sync::Arc;

use nfa::config::Severity;
use nfa::criteria::{Criteria, Tested};
use nfa::engine::{Ended, Engine, Explained};
use nfa::flow::{Detection, Evidence, Known, Source};
use nfa::interface::Role;
use nfa::policy::{Action, Obstacle, View};
use nfa::record;
use serde_json::{Value, json};

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

fn run(options: Options) -> Result<Outcome, Failure> {
    let needs = |what| Failure::from(UsageError::Needs { command: "explain", what });
    if options.config.is_none() {
        return Err(needs("--config FILE"));
    }
    if options.flows.is_empty() && options.arguments.is_empty() {
        return Err(needs("a capture, or --flow 'tcp 192.168.1.10:40000 203.0.113.9:443'"));
    }
    if !options.flows.is_empty() {
        let outcome = explain_told(&options)?;
        if options.arguments.is_empty() {
            return Ok(outcome);
        }
    }
    replay::replay(&options, Some(tell_ended))
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
        return writeln!(out, "{}", as_json(engine, view, evaluated, &actions));
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

fn seen_on(view: &View<'_>) -> String {
    let role = Role::WORDS.iter().find(|(_, role)| *role == view.interface.role);
    format!("{} ({})", view.interface.name, role.map_or("", |(word, _)| word))
}

/// Whether the action matches and which check decided, in words.
fn reason(engine: &Engine, view: &View<'_>, explained: &Explained<'_>) -> String {
    let outcome = &explained.outcome;
    let text = outcome.decided_by.as_ref().map(|decisive| one_line(decisive.criteria));
    let text = text.unwrap_or_default();
    match outcome.obstacle {
        None if outcome.action.halt_on_match => "matches; no later action is evaluated".to_owned(),
        None => "matches".to_owned(),
        Some(Obstacle::Disabled) => "no: switched off (enabled is false)".to_owned(),
        Some(Obstacle::Halted(by)) => {
            format!("no: {} matched before and ends the evaluation", action_name(engine, by))
        }
        Some(Obstacle::Schedule) => "no: not at this time (time_of_day)".to_owned(),
        Some(Obstacle::Interface) => {
            let wanted = &outcome.action.interface;
            format!("no: for interface {wanted} only, seen on {}", seen_on(view))
        }
        Some(Obstacle::Exempt(_)) => format!("no: global exemption {text}"),
        Some(Obstacle::OwnExemption(_)) => format!("no: its exemption {text}"),
        Some(Obstacle::Criteria) => "no: its criteria do not hold".to_owned(),
    }
}

fn action_name(engine: &Engine, number: usize) -> &str {
    let action: Option<&Action> = engine.config().policy.actions.get(number);
    action.map_or("", |action| action.name.as_str())
}

/// The texts of criteria, on one line.
fn one_line(criteria: &Criteria) -> String {
    let texts: Vec<String> = criteria
        .texts()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    texts.join(" or ")
}

fn as_json(engine: &Engine, view: &View<'_>, evaluated: bool, actions: &[Explained<'_>]) -> Value {
    let actions = actions.iter().map(|explained| {
        let outcome = &explained.outcome;
        let mut line = json!({
            "action": outcome.action.name,
            "matches": outcome.obstacle.is_none(),
            "decided_by": match outcome.obstacle {
                None | Some(Obstacle::Criteria) => "criteria",
                Some(Obstacle::Disabled) => "enabled",
                Some(Obstacle::Halted(_)) => "halt_on_match",
                Some(Obstacle::Schedule) => "time_of_day",
                Some(Obstacle::Interface) => "interface",
                Some(Obstacle::Exempt(_)) => "global_exemption",
                Some(Obstacle::OwnExemption(_)) => "exemption",
            },
        });
        let Value::Object(fields) = &mut line else { return line };
        let mut put = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        if let Some(Obstacle::Halted(by)) = outcome.obstacle {
            put("halted_by", action_name(engine, by).into());
        }
        if let Some(decisive) = &outcome.decided_by {
            put("expression", decisive.criteria.texts().collect());
            put("tests", decisive.explanation.tests.iter().map(test_as_json).collect());
        }
        let targets = explained.fires.iter();
        put("targets", targets.map(|f| json!({"target": f.target, "wants": f.wants})).collect());
        line
    });
    json!({
        "type": "explanation",
        "interface": view.interface.name,
        "evaluated": evaluated,
        "actions": actions.collect::<Value>(),
        "flow": record::flow(view),
    })
}

fn test_as_json(test: &Tested) -> Value {
    json!({
        "member": test.member,
        "text": test.text,
        "found": test.found,
        "outcome": test.outcome,
        "decided": test.decided,
    })
}
