//! `nfa status`, `flows`, `sets`, `search`, `why`, `findings`, `reload`: what the daemon says.

use std::io::Write;

use serde_json::Value;

use super::ask::ask;
use super::options::{Options, UsageError};
use super::show::{Paint, ago, bytes, list, number, table, text};
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
fn show(
    options: &Options,
    answer: &Value,
    people: impl FnOnce(&mut dyn Write, Paint) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if options.json {
        writeln!(out, "{answer}")?;
    } else {
        people(&mut out, Paint::new())?;
    }
    out.flush()?;
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
        if source.get("capturing") == Some(&Value::Bool(false)) {
            found.push(format!("{name}: not captured: {}", text(source, "trouble")));
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
                found.push(format!("set {name} ({}): nobody has made it", text(set, "home")));
            }
            "foreign" => found.push(format!("set {name}: it has another key than configured")),
            other => found.push(format!("set {name}: {other}")),
        }
        if set.get("full") == Some(&Value::Bool(true)) {
            found.push(format!("set {name} is full: {} elements", number(set, "elements")));
        }
    }
    let config = status.get("config").unwrap_or(&Value::Null);
    if config.get("refused") == Some(&Value::Bool(true)) {
        found.push(format!("{}: cannot be used: an older one is in force", text(config, "path")));
    } else if number(config, "errors") > 0 {
        let (path, errors) = (text(config, "path"), number(config, "errors"));
        found.push(format!("{path}: {errors} errors: nfa findings"));
    }
    found
}

/// A set that has taken so much of its room will be full soon.
const FILL_MOST_PERCENT: u64 = 90;

/// What is well as yet, a line each.
pub fn doubts(status: &Value) -> Vec<String> {
    let sets = list(status, "sets").iter().filter(|set| {
        number(set, "fill_percent") >= FILL_MOST_PERCENT
            && set.get("full") != Some(&Value::Bool(true))
    });
    let line = |set: &Value| {
        let (name, percent) = (text(set, "name"), number(set, "fill_percent"));
        format!(
            "set {name} is {percent} % full: {} of {}",
            text(set, "elements"),
            text(set, "most")
        )
    };
    sets.map(line).collect()
}

fn status(options: Options) -> Result<Outcome, Failure> {
    options.no_arguments("status")?;
    let mut status = ask(&options, "status", &[])?;
    let found = Surroundings::find();
    if let Value::Object(fields) = &mut status {
        fields.insert("found".to_owned(), found.json());
    }
    let troubles = troubles(&status);
    show(&options, &status, |out, paint| status_text(out, paint, &status, &troubles))?;
    Ok(if troubles.is_empty() { Outcome::Fine } else { Outcome::Problems })
}

fn status_text(
    out: &mut dyn Write,
    paint: Paint,
    status: &Value,
    troubles: &[String],
) -> std::io::Result<()> {
    let part = |key: &str| status.get(key).unwrap_or(&Value::Null);
    let (pace, flows, config) = (part("pace"), part("flows"), part("config"));
    let well = if troubles.is_empty() { paint.good("well") } else { paint.bad("see below") };
    writeln!(
        out,
        "nfa {}, process {}, has run for {}: {well}",
        text(status, "version"),
        number(status, "pid"),
        ago(number(status, "uptime_s")),
    )?;
    writeln!(
        out,
        "  traffic   {} packets/s, {} new flows/s; CPU {} %, memory {} kB (most {} kB)",
        text(pace, "packets_per_s"),
        text(pace, "flows_per_s"),
        text(pace, "cpu_percent"),
        number(part("memory"), "resident_kib"),
        number(part("memory"), "peak_kib"),
    )?;
    writeln!(
        out,
        "  flows     {} live of {} at most; {} begun, {} named, {} unknown, {} evicted",
        number(flows, "live"),
        number(flows, "most"),
        number(flows, "begun"),
        number(flows, "named"),
        number(flows, "unknown"),
        number(flows, "evicted"),
    )?;
    let packets = part("packets");
    writeln!(
        out,
        "  packets   {} read, {} of decided flows left out by the kernel, {} not understood",
        number(packets, "read"),
        number(packets, "filtered"),
        number(packets, "undecodable"),
    )?;
    for source in list(status, "interfaces") {
        let capturing = source.get("capturing") == Some(&Value::Bool(true));
        let state = if capturing { text(source, "filter") } else { text(source, "trouble") };
        writeln!(
            out,
            "  {:<9} {}: {} frames, {} dropped; {state}",
            text(source, "name"),
            text(source, "role"),
            number(source, "received"),
            number(source, "dropped"),
        )?;
    }
    writeln!(
        out,
        "  config    {}: {} actions, {} targets, {} errors, {} warnings",
        text(config, "path"),
        number(config, "actions"),
        number(config, "targets"),
        number(config, "errors"),
        number(config, "warnings"),
    )?;
    let found = part("found");
    let or_none = |words: Vec<String>| {
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    };
    let words = |key: &str| {
        let words = list(found, key).iter().filter_map(Value::as_str).map(str::to_owned);
        or_none(words.collect())
    };
    let offload = found.get("offload").and_then(Value::as_str).unwrap_or("off");
    let (firewall, sqm) = (words("firewall"), words("sqm"));
    writeln!(out, "  found     firewall: {firewall}; offload: {offload}; SQM: {sqm}")?;
    for key in ["applications", "protocols", "clients"] {
        let shares = list(status, key).iter().take(5).map(|share| {
            let (percent, amount) = (text(share, "percent"), number(share, "bytes"));
            let percent = if percent == "0" && amount > 0 { "<0.1".to_owned() } else { percent };
            format!("{} {percent} % ({})", text(share, "name"), bytes(amount))
        });
        let shares: Vec<String> = shares.collect();
        writeln!(out, "  {key:<13} {}", or_none(shares))?;
    }
    let sets: Vec<Vec<String>> = list(status, "sets").iter().map(set_row).collect();
    if !sets.is_empty() {
        writeln!(out)?;
        table(out, paint, SET_COLUMNS, &sets)?;
    }
    let rules: Vec<Vec<String>> = list(status, "rules").iter().map(rule_row).collect();
    if !rules.is_empty() {
        writeln!(out)?;
        table(out, paint, &["action", "in force", "matches", "live", "last"], &rules)?;
    }
    for (key, label) in [("last_error", "last error"), ("last_warning", "last warning")] {
        let Some(entry) = status.get(key).filter(|entry| entry.is_object()) else { continue };
        let (age, message) = (ago(number(entry, "age_s")), text(entry, "message"));
        writeln!(out, "\n{label}, {age} ago: {message}")?;
        if entry.get("hint").is_some_and(Value::is_string) {
            writeln!(out, "  {}", text(entry, "hint"))?;
        }
    }
    let doubts = doubts(status);
    if !(troubles.is_empty() && doubts.is_empty()) {
        writeln!(out)?;
    }
    for doubt in doubts {
        writeln!(out, "{} {doubt}", paint.doubtful("!"))?;
    }
    for trouble in troubles {
        writeln!(out, "{} {trouble}", paint.bad("!"))?;
    }
    Ok(())
}

const SET_COLUMNS: &[&str] = &["set", "where", "state", "elements", "most", "refused"];

fn set_row(set: &Value) -> Vec<String> {
    let full = set.get("full") == Some(&Value::Bool(true));
    let state = text(set, "state");
    let state = match number(set, "fill_percent") {
        _ if full => state + ", full",
        percent if percent >= FILL_MOST_PERCENT => format!("{state}, {percent} % full"),
        _ => state,
    };
    let cells = [text(set, "name"), text(set, "home"), state];
    let rest = ["elements", "most", "refused"].map(|key| text(set, key));
    cells.into_iter().chain(rest).collect()
}

fn rule_row(rule: &Value) -> Vec<String> {
    let in_force = match (rule.get("enabled"), rule.get("in_force")) {
        (Some(Value::Bool(false)), _) => "off",
        (_, Some(Value::Bool(true))) => "yes",
        _ => "not now",
    };
    let last = rule.get("last_s").and_then(Value::as_u64);
    let last = last.map_or_else(|| "-".to_owned(), |last| ago(last) + " ago");
    vec![text(rule, "name"), in_force.to_owned(), text(rule, "matches"), text(rule, "live"), last]
}

/// Rows of flows for people.
fn flow_rows(flows: &[Value]) -> Vec<Vec<String>> {
    let row = |flow: &Value| {
        let local = text(flow, "local_ip");
        let server = match text(flow, "host").as_str() {
            "-" => format!("{} port {}", text(flow, "other_ip"), text(flow, "other_port")),
            host => format!("{host} port {}", text(flow, "other_port")),
        };
        let amount = number(flow, "local_bytes").saturating_add(number(flow, "other_bytes"));
        vec![
            text(flow, "id"),
            local,
            server,
            text(flow, "protocol"),
            text(flow, "application"),
            bytes(amount),
            ago(number(flow, "age_s")),
            text(flow, "rules"),
        ]
    };
    flows.iter().map(row).collect()
}

const FLOW_COLUMNS: &[&str] =
    &["id", "client", "server", "protocol", "application", "bytes", "age", "actions"];

fn flows(options: Options) -> Result<Outcome, Failure> {
    let criteria = one(&options, "flows")?.map(|text| ("criteria", text.into()));
    let answer = ask(&options, "flows", criteria.as_slice())?;
    show(&options, &answer, |out, paint| {
        table(out, paint, FLOW_COLUMNS, &flow_rows(list(&answer, "flows")))?;
        let (shown, matching) = (list(&answer, "flows").len(), number(&answer, "matching"));
        let live = number(&answer, "live");
        write!(out, "\n{shown} of {matching} flows that match, {live} live")?;
        if answer.get("next").is_some_and(Value::is_string) {
            write!(out, "; the next ones: --cursor {}", text(&answer, "next"))?;
        }
        writeln!(out)
    })?;
    Ok(Outcome::Fine)
}

fn member_row(member: &Value) -> Vec<String> {
    let because = member.get("because").unwrap_or(&Value::Null);
    let remaining = member.get("remaining_s").and_then(Value::as_u64);
    let why = format!(
        "{}: {} ({})",
        text(because, "rule"),
        text(because, "flow"),
        match text(because, "application").as_str() {
            "-" => text(because, "protocol"),
            application => application.to_owned(),
        }
    );
    vec![
        text(member, "set"),
        text(member, "member"),
        ago(number(member, "age_s")),
        remaining.map_or_else(|| "stays".to_owned(), ago),
        text(member, "live_flows"),
        why,
    ]
}

const MEMBER_COLUMNS: &[&str] = &["set", "member", "since", "left", "flows", "because of"];

fn sets(options: Options) -> Result<Outcome, Failure> {
    let name = one(&options, "sets")?;
    let set = name.as_ref().map(|name| ("set", name.as_str().into()));
    let answer = ask(&options, "sets", set.as_slice())?;
    show(&options, &answer, |out, paint| {
        if name.is_none() {
            let rows: Vec<_> = list(&answer, "sets").iter().map(set_row).collect();
            return table(out, paint, SET_COLUMNS, &rows);
        }
        let rows: Vec<_> = list(&answer, "members").iter().map(member_row).collect();
        table(out, paint, MEMBER_COLUMNS, &rows)?;
        write!(out, "\n{} of {} members", rows.len(), number(&answer, "count"))?;
        if answer.get("next").is_some_and(Value::is_u64) {
            write!(out, "; the next ones: --cursor {}", text(&answer, "next"))?;
        }
        writeln!(out)
    })?;
    Ok(Outcome::Fine)
}

fn search(options: Options) -> Result<Outcome, Failure> {
    let Some(what) = one(&options, "search")? else {
        let what = "an address, a host name, an application or a protocol";
        return Err(UsageError::Needs { command: "search", what }.into());
    };
    let answer = ask(&options, "search", &[("what", what.into())])?;
    let (in_sets, live) = (number(&answer, "in_sets"), number(&answer, "live_flows"));
    show(&options, &answer, |out, paint| {
        let what = text(&answer, "what");
        writeln!(out, "{what}: in sets {in_sets} times, {live} live flows")?;
        if let Some(app) = answer.get("catalogue").filter(|app| app.is_object()) {
            writeln!(
                out,
                "it belongs to {} ({})",
                text(app, "application"),
                text(app, "category")
            )?;
        }
        if in_sets > 0 {
            let rows: Vec<_> = list(&answer, "members").iter().map(member_row).collect();
            writeln!(out)?;
            table(out, paint, MEMBER_COLUMNS, &rows)?;
        }
        if live > 0 {
            writeln!(out)?;
            table(out, paint, FLOW_COLUMNS, &flow_rows(list(&answer, "flows")))?;
        }
        Ok(())
    })?;
    // For scripts: found or not, as grep has it.
    Ok(if in_sets > 0 || live > 0 { Outcome::Fine } else { Outcome::Problems })
}

fn why(options: Options) -> Result<Outcome, Failure> {
    let words: Vec<_> = options.arguments.iter().map(|word| word.to_string_lossy()).collect();
    if words.is_empty() {
        let what = "the id of a flow, or 'tcp 192.168.1.10:40000 203.0.113.9:443'";
        return Err(UsageError::Needs { command: "why", what }.into());
    }
    let answer = ask(&options, "why", &[("flow", words.join(" ").into())])?;
    show(&options, &answer, |out, _| {
        let flow = answer.get("flow").unwrap_or(&Value::Null);
        let end = |side: &str| {
            format!(
                "{} port {}",
                text(flow, &format!("{side}_ip")),
                text(flow, &format!("{side}_port"))
            )
        };
        writeln!(out, "flow {}: {} to {}", text(&answer, "id"), end("local"), end("other"))?;
        let host = match text(flow, "host_server_name").as_str() {
            "-" => text(flow, "dns_host_name"),
            own => own.to_owned(),
        };
        writeln!(
            out,
            "  {}, {}, host {host}, seen on {}",
            text(flow, "detected_protocol_name"),
            text(flow, "detected_application_name"),
            text(&answer, "interface"),
        )?;
        let words = list(&answer, "words").iter().filter_map(Value::as_str);
        for (action, words) in list(&answer, "actions").iter().zip(words) {
            writeln!(out, "  {}", words.replace(|c: char| c.is_control(), " "))?;
            for test in list(action, "tests") {
                let mark = if test.get("decided") == Some(&Value::Bool(true)) { "*" } else { " " };
                let holds = match test.get("outcome") {
                    Some(Value::Bool(true)) => "holds",
                    Some(Value::Bool(false)) => "does not hold",
                    _ => "not asked",
                };
                let found = text(test, "found");
                writeln!(out, "    {mark} {}: {holds}; it is {found}", text(test, "text"))?;
            }
            for target in list(action, "targets") {
                writeln!(out, "    -> {}: {}", text(target, "target"), text(target, "wants"))?;
            }
        }
        Ok(())
    })?;
    Ok(Outcome::Fine)
}

fn findings_text(out: &mut dyn Write, paint: Paint, found: &[Value]) -> std::io::Result<()> {
    for finding in found {
        let severity = text(finding, "severity");
        let label =
            if severity == "error" { paint.bad("error") } else { paint.doubtful(&severity) };
        let message = finding.get("message").and_then(Value::as_str).unwrap_or_default();
        write!(out, "{label}: {}", message.replace(|c: char| c.is_control() && c != '\n', " "))?;
        if let Some(age) = finding.get("age_s").and_then(Value::as_u64) {
            write!(out, " ({} ago, {} times)", ago(age), text(finding, "count"))?;
        }
        writeln!(out)?;
        if let Some(hint) = finding.get("hint").and_then(Value::as_str) {
            writeln!(out, "  {hint}")?;
        }
    }
    Ok(())
}

fn findings(options: Options) -> Result<Outcome, Failure> {
    options.no_arguments("findings")?;
    let answer = ask(&options, "findings", &[])?;
    let of_config = answer.get("config").unwrap_or(&Value::Null);
    let (config, log) = (list(of_config, "findings"), list(&answer, "log"));
    show(&options, &answer, |out, paint| {
        if config.is_empty() && log.is_empty() {
            return writeln!(out, "nothing is wrong");
        }
        findings_text(out, paint, config)?;
        findings_text(out, paint, log)
    })?;
    let is_error = |finding: &&Value| text(finding, "severity") == "error";
    let wrong = config.iter().chain(log).any(|finding| is_error(&finding));
    Ok(if wrong { Outcome::Problems } else { Outcome::Fine })
}

fn reload(options: Options) -> Result<Outcome, Failure> {
    options.no_arguments("reload")?;
    let answer = ask(&options, "reload", &[])?;
    let in_force = answer.get("in_force") == Some(&Value::Bool(true));
    let config = answer.get("config").unwrap_or(&Value::Null);
    show(&options, &answer, |out, paint| {
        findings_text(out, paint, list(config, "findings"))?;
        let path = text(config, "path");
        match in_force {
            true => writeln!(out, "{path}: in force"),
            false => writeln!(out, "{path}: cannot be used; the old configuration stays in force"),
        }
    })?;
    Ok(if in_force { Outcome::Fine } else { Outcome::Problems })
}
