//! `nfa metrics`: the daemon's counters as Prometheus reads them (its text format 0.0.4).

use std::fmt::Write as _;
use std::io::Write;

use serde_json::Value;

use super::ask::ask;
use super::options::Options;
use super::show::{list, number, text};
use super::{Command, Failure, Outcome, collectd};

/// The command.
pub static METRICS: Command = Command {
    name: "metrics",
    doc: "counters as Prometheus reads them, or collectd's exec plugin",
    usage: "metrics [--collectd] [--socket PATH] > nfa.prom",
    run,
};

/// A metric: its name, its kind, what it means.
type Head = (&'static str, &'static str, &'static str);

/// The text that grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, (name, kind, doc): Head) {
        let _ = writeln!(self.0, "# HELP {name} {doc}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, head: Head, value: &str) {
        self.head(head);
        self.value(head.0, &[], value);
    }
}

/// A label's value: backslash, quote and line end are written with a backslash.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("metrics")?;
    let status = match ask(options, "status", &[]) {
        Ok(status) => status,
        Err(Failure::NoDaemon(message)) if !options.collectd => {
            // Whoever scrapes this wants to know that too.
            let mut text = Text::default();
            text.one(UP, "0");
            std::io::stdout().write_all(text.0.as_bytes())?;
            return Err(Failure::NoDaemon(message));
        }
        Err(other) => return Err(other),
    };
    let by = |by: &'static str| ask(options, "top", &[("by", by.into()), ("limit", 500.into())]);
    let shares = [
        ("application", by("application")?),
        ("protocol", by("protocol")?),
        ("category", by("category")?),
    ];
    let text = if options.collectd {
        collectd::lines(&collectd::Asker::new(), &status, &shares)
    } else {
        metrics(&status, &shares)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Fine)
}

const UP: Head = ("nfa_up", "gauge", "Whether the daemon answers.");

fn metrics(status: &Value, shares: &[(&str, Value)]) -> String {
    let mut out = Text::default();
    let part = |key: &str| status.get(key).unwrap_or(&Value::Null);
    out.one(UP, "1");
    out.head(("nfa_info", "gauge", "Its version."));
    out.value("nfa_info", &[("version", &text(status, "version"))], "1");
    for (head, of, key) in [
        (("nfa_uptime_seconds", "gauge", "Time since the daemon started."), status, "uptime_s"),
        (("nfa_packets_total", "counter", "Packets read."), part("packets"), "read"),
        (
            (
                "nfa_filtered_frames_total",
                "counter",
                "Frames of decided flows left out by the kernel.",
            ),
            part("packets"),
            "filtered",
        ),
        (
            ("nfa_undecodable_frames_total", "counter", "Frames that were not understood."),
            part("packets"),
            "undecodable",
        ),
        (("nfa_flows", "gauge", "Live flows."), part("flows"), "live"),
        (("nfa_flows_max", "gauge", "Most live flows."), part("flows"), "most"),
        (("nfa_flows_total", "counter", "Flows begun."), part("flows"), "begun"),
        (("nfa_flows_named_total", "counter", "Flows named by content."), part("flows"), "named"),
        (("nfa_flows_unknown_total", "counter", "Flows nobody knew."), part("flows"), "unknown"),
        (
            ("nfa_flows_evicted_total", "counter", "Flows that went for want of room."),
            part("flows"),
            "evicted",
        ),
        (
            ("nfa_refused_changes_total", "counter", "Changes that the kernel refused."),
            status,
            "refused_changes",
        ),
        (("nfa_config_errors", "gauge", "Errors in the configuration."), part("config"), "errors"),
    ] {
        out.one(head, &number(of, key).to_string());
    }
    out.one(("nfa_cpu_seconds_total", "counter", "Processor time."), &text(status, "cpu_s"));
    let resident = number(part("memory"), "resident_kib").saturating_mul(1024).to_string();
    out.one(("nfa_resident_memory_bytes", "gauge", "Resident memory."), &resident);
    let sources = list(status, "interfaces");
    for (head, key) in [
        (("nfa_interface_frames_total", "counter", "Frames received."), "received"),
        (("nfa_interface_dropped_total", "counter", "Frames lost for want of room."), "dropped"),
    ] {
        out.head(head);
        for source in sources {
            let labels = [("interface", &*text(source, "name"))];
            out.value(head.0, &labels, &number(source, key).to_string());
        }
    }
    let flag = |value: &Value, key: &str| {
        if value.get(key) == Some(&Value::Bool(true)) { "1" } else { "0" }
    };
    let up: Head = ("nfa_interface_up", "gauge", "Whether the interface is captured.");
    out.head(up);
    for source in sources {
        out.value(up.0, &[("interface", &text(source, "name"))], flag(source, "capturing"));
    }
    let elements: Head = ("nfa_set_elements", "gauge", "Members that ought to be in a set.");
    let full: Head = ("nfa_set_full", "gauge", "Whether a set has no more room.");
    for head in [elements, full] {
        out.head(head);
        for set in list(status, "sets") {
            let (name, home) = (text(set, "name"), text(set, "home"));
            let count = number(set, "elements").to_string();
            let value = if head.0 == full.0 { flag(set, "full") } else { &count };
            out.value(head.0, &[("set", &name), ("home", &home)], value);
        }
    }
    let matches: Head = ("nfa_action_matches_total", "counter", "Flows that matched an action.");
    out.head(matches);
    for rule in list(status, "rules") {
        out.value(matches.0, &[("action", &text(rule, "name"))], &text(rule, "matches"));
    }
    for (by, answer) in shares {
        let (amount, flows) = (format!("nfa_{by}_bytes_total"), format!("nfa_{by}_flows_total"));
        let _ = writeln!(
            out.0,
            "# HELP {amount} IP bytes seen, by who sent them.\n# TYPE {amount} counter"
        );
        for row in list(answer, "rows") {
            for (direction, key) in [("local", "local_bytes"), ("other", "other_bytes")] {
                let labels = [(*by, &*text(row, "name")), ("from", direction)];
                out.value(&amount, &labels, &number(row, key).to_string());
            }
        }
        let _ = writeln!(out.0, "# HELP {flows} Flows, ended and live.\n# TYPE {flows} counter");
        for row in list(answer, "rows") {
            let labels = [(*by, &*text(row, "name"))];
            out.value(&flows, &labels, &number(row, "flows").to_string());
        }
    }
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_is_one_that_prometheus_reads() {
        let status = json!({
            "version": "1", "uptime_s": 3, "cpu_s": 0.5, "flows": {"live": 2},
            "interfaces": [{"name": "br-\"lan", "capturing": true, "received": 9}],
            "sets": [{"name": "nfa.x.v4", "home": "nft inet fw4", "elements": 4, "full": true}],
            "rules": [{"name": "a\\b", "matches": 7}],
        });
        let row = json!({"name": "netify.youtube", "flows": 2, "local_bytes": 5, "other_bytes": 6});
        let text = metrics(&status, &[("application", json!({"rows": [row]}))]);
        for line in [
            "nfa_up 1",
            "nfa_cpu_seconds_total 0.5",
            "nfa_interface_frames_total{interface=\"br-\\\"lan\"} 9",
            "nfa_set_full{set=\"nfa.x.v4\",home=\"nft inet fw4\"} 1",
            "nfa_action_matches_total{action=\"a\\\\b\"} 7",
            "nfa_application_bytes_total{application=\"netify.youtube\",from=\"other\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let mut declared = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => declared = rest.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => {
                    assert!(line.starts_with(declared), "{line} under {declared}");
                    let value = line.rsplit(' ').next().unwrap();
                    assert!(value.parse::<f64>().is_ok(), "{line}");
                }
            }
        }
    }
}
