//! `nfa status`, `flows`, `sets`, `search`, `why`, `findings`, `reload`: what the daemon says.

use std::io::Write;

use serde_json::Value;

use super::ask::ask;
use super::options::{Options, UsageError};
use super::show::{Cell, Column, Page, at, bytes, filled, is_true, list, number, text, words};
use super::surroundings::Surroundings;
use super::{Command, Failure, Outcome};

/// How the daemon is.
pub static STATUS: Command = Command {
    name: "status",
    doc: "how the daemon is, on one screen; exit status 1 if something is wrong",
    usage: "status [--json] [--socket PATH]",
    run: status,
};
/// Live flows.
pub static FLOWS: Command = Command {
    name: "flows",
    doc: "live flows; CRITERIA: only those that match",
    usage: "flows [--json] [--limit N] [--sort newest|seen|bytes|packets] [--client ADDRESS|MAC] \
            [--rule ACTION] [--text TEXT] [CRITERIA]",
    run: flows,
};
/// Sets and members.
pub static SETS: Command = Command {
    name: "sets",
    doc: "the sets with their counts; NAME: its members with remaining time and why",
    usage: "sets [--json] [--limit N] [NAME]",
    run: sets,
};
/// Where something is.
pub static SEARCH: Command = Command {
    name: "search",
    doc: "in which sets an address or name is, since when, because of which flow and action",
    usage: "search [--json] [--limit N] ADDRESS|MAC|HOST|APPLICATION|PROTOCOL",
    run: search,
};
/// Why a flow matches.
pub static WHY: Command = Command {
    name: "why",
    doc: "which actions a live flow matches and which not, and what decided",
    usage: "why [--json] ID | why [--json] 'tcp 192.168.1.10:40000 203.0.113.9:443'",
    run: why,
};
/// What is wrong.
pub static FINDINGS: Command = Command {
    name: "findings",
    doc: "what is wrong in the configuration, and the newest errors of the daemon",
    usage: "findings [--json] [--limit N]",
    run: findings,
};
/// Read the configuration again.
pub static RELOAD: Command = Command {
    name: "reload",
    doc: "makes the daemon read its configuration again, without a gap; says what is wrong in it",
    usage: "reload [--json] [--socket PATH]",
    run: reload,
};

/// Prints an answer, as JSON or for people.
fn show(options: &Options, answer: &Value, people: &dyn Fn(&mut Page)) -> Result<(), Failure> {
    let mut page = Page::new();
    if options.json {
        page.line(&answer.to_string());
    } else {
        people(&mut page);
    }
    std::io::stdout().write_all(page.text().as_bytes())?;
    Ok(())
}

/// The only argument of a command.
fn one(options: &Options, command: &'static str) -> Result<Option<String>, UsageError> {
    if let Some(second) = options.arguments.get(1) {
        let argument = second.display().to_string();
        return Err(UsageError::OneArgument { command, argument });
    }
    Ok(options.arguments.first().map(|first| first.to_string_lossy().into_owned()))
}

/// What is wrong with the daemon, a line each.
pub fn troubles(status: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for source in list(status, "interfaces") {
        let name = text(source, "name");
        if *at(source, "capturing") == Value::Bool(false) {
            found.push(filled("{name}: not captured: {trouble}", source));
        }
        let (received, dropped) = (number(source, "received"), number(source, "dropped"));
        if dropped > 0 && dropped >= received / 100 {
            found.push(format!("{name}: {dropped} of {received} frames lost for want of time"));
        }
    }
    for set in list(status, "sets") {
        let name = text(set, "name");
        match text(set, "state").as_str() {
            "ready" => {}
            // A set of a family that nobody uses is no trouble.
            "missing" if number(set, "elements") == 0 => {}
            "missing" => {
                found.push(filled("set {name} ({home}): nobody has made it", set));
            }
            "foreign" => found.push(format!("set {name}: it has another key than configured")),
            other => found.push(format!("set {name}: {other}")),
        }
        if is_true(set, "full") {
            found.push(filled("set {name} is full: {elements:n} elements", set));
        }
    }
    if is_true(status, "config.refused") {
        found.push(filled("{config.path}: cannot be used: an older one is in force", status));
    } else if number(status, "config.errors") > 0 {
        found.push(filled("{config.path}: {config.errors:n} errors: nfa findings", status));
    }
    found
}

/// A set that has taken so much of its room will be full soon.
const FILL_MOST_PERCENT: u64 = 90;

/// What is well as yet, a line each.
pub fn doubts(status: &Value) -> Vec<String> {
    let sets = list(status, "sets")
        .iter()
        .filter(|set| number(set, "fill_percent") >= FILL_MOST_PERCENT && !is_true(set, "full"));
    let line = "set {name} is {fill_percent:n} % full: {elements} of {most}";
    sets.map(|set| filled(line, set)).collect()
}

fn status(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("status")?;
    let mut status = ask(options, "status", &[])?;
    let found = Surroundings::find();
    if let Value::Object(fields) = &mut status {
        fields.insert("found".to_owned(), found.json());
    }
    let troubles = troubles(&status);
    show(options, &status, &|page| status_page(page, &status, &troubles))?;
    Ok(if troubles.is_empty() { Outcome::Fine } else { Outcome::Problems })
}

/// The first lines of the status: all but its first word, `well` or not.
const AMOUNTS: [&str; 3] = [
    "  traffic   {pace.packets_per_s} packets/s, {pace.flows_per_s} new flows/s; CPU \
     {pace.cpu_percent} %, memory {memory.resident_kib:n} kB (most {memory.peak_kib:n} kB)",
    "  flows     {flows.live:n} live of {flows.most:n} at most; {flows.begun:n} begun, \
     {flows.named:n} named, {flows.unknown:n} unknown, {flows.evicted:n} evicted",
    "  packets   {packets.read:n} read, {packets.filtered:n} of decided flows left out by the \
     kernel, {packets.undecodable:n} not understood",
];
const CONFIG: &str = "  config    {config.path}: {config.actions:n} actions, {config.targets:n} \
                      targets, {config.errors:n} errors, {config.warnings:n} warnings";

fn status_page(page: &mut Page, status: &Value, troubles: &[String]) {
    let paint = page.paint;
    let well = if troubles.is_empty() { paint.good("well") } else { paint.bad("see below") };
    let head = "nfa {version}, process {pid:n}, has run for {uptime_s:ago}: ";
    page.line(&(filled(head, status) + &well));
    for line in AMOUNTS {
        page.fill(line, status);
    }
    for source in list(status, "interfaces") {
        let state = if is_true(source, "capturing") { "{filter}" } else { "{trouble}" };
        let rest = format!("{{role}}: {{received:n}} frames, {{dropped:n}} dropped; {state}");
        page.line(&format!("  {:<9} {}", text(source, "name"), filled(&rest, source)));
    }
    page.fill(CONFIG, status);
    let found = |key: &str| or_none(&words(list(at(status, "found"), key)));
    let (firewall, sqm) = (found("firewall"), found("sqm"));
    let offload = at(status, "found.offload").as_str().unwrap_or("off");
    page.line(&format!("  found     firewall: {firewall}; offload: {offload}; SQM: {sqm}"));
    for key in ["applications", "protocols", "clients"] {
        let mut shares: Vec<String> = Vec::new();
        for share in list(status, key).iter().take(5) {
            let is_small = text(share, "percent") == "0" && number(share, "bytes") > 0;
            let percent = if is_small { "<0.1" } else { "{percent}" };
            shares.push(filled(&format!("{{name}} {percent} % ({{bytes:bytes}})"), share));
        }
        let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
        page.line(&format!("  {key:<13} {}", or_none(&shares)));
    }
    for (key, columns) in [("sets", SET_COLUMNS), ("rules", RULE_COLUMNS)] {
        let rows = list(status, key);
        if !rows.is_empty() {
            page.line("");
            page.table(columns, rows);
        }
    }
    for (key, label) in [("last_error", "last error"), ("last_warning", "last warning")] {
        let entry = at(status, key);
        if entry.is_object() {
            page.fill(&format!("\n{label}, {{age_s:ago}} ago: {{message}}"), entry);
        }
        if at(entry, "hint").is_string() {
            page.fill("  {hint}", entry);
        }
    }
    let doubts = doubts(status);
    if !(troubles.is_empty() && doubts.is_empty()) {
        page.line("");
    }
    for doubt in doubts {
        page.line(&format!("{} {doubt}", paint.doubtful("!")));
    }
    for trouble in troubles {
        page.line(&format!("{} {trouble}", paint.bad("!")));
    }
}

fn or_none(words: &[&str]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

const fn column(head: &'static str, template: &'static str) -> Column {
    Column { head, cell: Cell::Filled(template) }
}

const fn made(head: &'static str, make: fn(&Value) -> String) -> Column {
    Column { head, cell: Cell::Made(make) }
}

const SET_COLUMNS: &[Column] = &[
    column("set", "{name}"),
    column("where", "{home}"),
    made("state", set_state),
    column("elements", "{elements}"),
    column("most", "{most}"),
    column("refused", "{refused}"),
];

fn set_state(set: &Value) -> String {
    let template = match number(set, "fill_percent") {
        _ if is_true(set, "full") => "{state}, full",
        FILL_MOST_PERCENT.. => "{state}, {fill_percent} % full",
        _ => "{state}",
    };
    filled(template, set)
}

const RULE_COLUMNS: &[Column] = &[
    column("action", "{name}"),
    made("in force", |rule| {
        let in_force = match (at(rule, "enabled"), at(rule, "in_force")) {
            (Value::Bool(false), _) => "off",
            (_, Value::Bool(true)) => "yes",
            _ => "not now",
        };
        in_force.to_owned()
    }),
    column("matches", "{matches}"),
    column("live", "{live}"),
    made("last", |rule| {
        let never = at(rule, "last_s").as_u64().is_none();
        filled(if never { "-" } else { "{last_s:ago} ago" }, rule)
    }),
];

const FLOW_COLUMNS: &[Column] = &[
    column("id", "{id}"),
    column("client", "{local_ip}"),
    made("server", |flow| {
        let named = text(flow, "host") != "-";
        filled(
            if named { "{host} port {other_port}" } else { "{other_ip} port {other_port}" },
            flow,
        )
    }),
    column("protocol", "{protocol}"),
    column("application", "{application}"),
    made("bytes", |flow| {
        bytes(number(flow, "local_bytes").saturating_add(number(flow, "other_bytes")))
    }),
    column("age", "{age_s:ago}"),
    column("actions", "{rules}"),
];

fn flows(options: &Options) -> Result<Outcome, Failure> {
    let criteria = one(options, "flows")?.map(|text| ("criteria", text.into()));
    let answer = ask(options, "flows", criteria.as_slice())?;
    show(options, &answer, &|page| {
        let flows = list(&answer, "flows");
        page.table(FLOW_COLUMNS, flows);
        let next = if at(&answer, "next").is_string() { NEXT } else { "" };
        let counts =
            format!("\n{} of {{matching:n}} flows that match, {{live:n}} live{next}", flows.len());
        page.fill(&counts, &answer);
    })?;
    Ok(Outcome::Fine)
}

/// How to come by what has found no room.
const NEXT: &str = "; the next ones: --cursor {next}";

const MEMBER_COLUMNS: &[Column] = &[
    column("set", "{set}"),
    column("member", "{member}"),
    column("since", "{age_s:ago}"),
    made("left", |member| {
        let stays = at(member, "remaining_s").as_u64().is_none();
        filled(if stays { "stays" } else { "{remaining_s:ago}" }, member)
    }),
    column("flows", "{live_flows}"),
    made("because of", |member| {
        let unnamed = text(member, "because.application") == "-";
        let what = if unnamed { "protocol" } else { "application" };
        filled(&format!("{{because.rule}}: {{because.flow}} ({{because.{what}}})"), member)
    }),
];

fn sets(options: &Options) -> Result<Outcome, Failure> {
    let name = one(options, "sets")?;
    let set = name.as_ref().map(|name| ("set", name.as_str().into()));
    let answer = ask(options, "sets", set.as_slice())?;
    show(options, &answer, &|page| {
        if name.is_none() {
            page.table(SET_COLUMNS, list(&answer, "sets"));
            return;
        }
        let members = list(&answer, "members");
        page.table(MEMBER_COLUMNS, members);
        let next = if at(&answer, "next").is_u64() { NEXT } else { "" };
        page.fill(&format!("\n{} of {{count:n}} members{next}", members.len()), &answer);
    })?;
    Ok(Outcome::Fine)
}

fn search(options: &Options) -> Result<Outcome, Failure> {
    let Some(what) = one(options, "search")? else {
        let what = "an address, a host name, an application or a protocol";
        return Err(UsageError::Needs { command: "search", what }.into());
    };
    let answer = ask(options, "search", &[("what", what.into())])?;
    let (in_sets, live) = (number(&answer, "in_sets"), number(&answer, "live_flows"));
    show(options, &answer, &|page| {
        page.fill("{what}: in sets {in_sets:n} times, {live_flows:n} live flows", &answer);
        if at(&answer, "catalogue").is_object() {
            page.fill("it belongs to {catalogue.application} ({catalogue.category})", &answer);
        }
        for (count, key, columns) in
            [(in_sets, "members", MEMBER_COLUMNS), (live, "flows", FLOW_COLUMNS)]
        {
            if count > 0 {
                page.line("");
                page.table(columns, list(&answer, key));
            }
        }
    })?;
    // For scripts: found or not, as grep has it.
    Ok(if in_sets > 0 || live > 0 { Outcome::Fine } else { Outcome::Problems })
}

fn why(options: &Options) -> Result<Outcome, Failure> {
    let named: Vec<_> = options.arguments.iter().map(|word| word.to_string_lossy()).collect();
    if named.is_empty() {
        let what = "the id of a flow, or 'tcp 192.168.1.10:40000 203.0.113.9:443'";
        return Err(UsageError::Needs { command: "why", what }.into());
    }
    let answer = ask(options, "why", &[("flow", named.join(" ").into())])?;
    show(options, &answer, &|page| {
        page.fill(WHY_HEAD, &answer);
        let own = text(&answer, "flow.host_server_name") != "-";
        let host = if own { "host_server_name" } else { "dns_host_name" };
        let seen = format!(
            "  {{flow.detected_protocol_name}}, {{flow.detected_application_name}}, host \
             {{flow.{host}}}, seen on {{interface}}"
        );
        page.fill(&seen, &answer);
        let words = words(list(&answer, "words"));
        for (action, words) in list(&answer, "actions").iter().zip(words) {
            page.line(&format!("  {}", words.replace(|c: char| c.is_control(), " ")));
            for test in list(action, "tests") {
                let mark = if is_true(test, "decided") { "*" } else { " " };
                let holds = match at(test, "outcome") {
                    Value::Bool(true) => "holds",
                    Value::Bool(false) => "does not hold",
                    _ => "not asked",
                };
                page.fill(&format!("    {mark} {{text}}: {holds}; it is {{found}}"), test);
            }
            for target in list(action, "targets") {
                page.fill("    -> {target}: {wants}", target);
            }
        }
    })?;
    Ok(Outcome::Fine)
}

const WHY_HEAD: &str = "flow {id}: {flow.local_ip} port {flow.local_port} to {flow.other_ip} port \
                        {flow.other_port}";

fn findings_page(page: &mut Page, found: &[Value]) {
    for finding in found {
        let severity = text(finding, "severity");
        let paint = page.paint;
        let label =
            if severity == "error" { paint.bad("error") } else { paint.doubtful(&severity) };
        let message = at(finding, "message").as_str().unwrap_or_default();
        let message = message.replace(|c: char| c.is_control() && c != '\n', " ");
        let has_age = at(finding, "age_s").is_u64();
        let times = if has_age { " ({age_s:ago} ago, {count} times)" } else { "" };
        page.line(&format!("{label}: {message}{}", filled(times, finding)));
        if let Some(hint) = at(finding, "hint").as_str() {
            page.line(&format!("  {hint}"));
        }
    }
}

fn findings(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("findings")?;
    let answer = ask(options, "findings", &[])?;
    let (config, log) = (list(&answer, "config.findings"), list(&answer, "log"));
    show(options, &answer, &|page| {
        if config.is_empty() && log.is_empty() {
            page.line("nothing is wrong");
        }
        findings_page(page, config);
        findings_page(page, log);
    })?;
    let is_error = |finding: &&Value| text(finding, "severity") == "error";
    let wrong = config.iter().chain(log).any(|finding| is_error(&finding));
    Ok(if wrong { Outcome::Problems } else { Outcome::Fine })
}

fn reload(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("reload")?;
    let answer = ask(options, "reload", &[])?;
    let in_force = is_true(&answer, "in_force");
    show(options, &answer, &|page| {
        findings_page(page, list(&answer, "config.findings"));
        let line = match in_force {
            true => "{config.path}: in force",
            false => "{config.path}: cannot be used; the old configuration stays in force",
        };
        page.fill(line, &answer);
    })?;
    Ok(if in_force { Outcome::Fine } else { Outcome::Problems })
}
