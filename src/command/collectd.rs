//! `nfa metrics --collectd`: the same counters as lines of collectd's exec plugin
//! (collectd-exec(5), types.db(5)).

use std::fmt::Write as _;

use serde_json::Value;

use super::show::{list, number, text};

/// Seconds between two runs, where the plugin does not say.
const INTERVAL_DEFAULT: &str = "10";

/// Who asks, and how often it does.
pub struct Asker {
    host: String,
    interval: String,
}

impl Asker {
    /// As the plugin tells it by two variables; else this machine.
    pub fn new() -> Self {
        let host = std::env::var("COLLECTD_HOSTNAME").ok().or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            Some(name.trim().to_owned())
        });
        let interval = std::env::var("COLLECTD_INTERVAL").ok();
        Asker::of(host.as_deref(), interval.as_deref())
    }

    fn of(host: Option<&str>, interval: Option<&str>) -> Self {
        let interval = interval.filter(|text| is_interval(text)).unwrap_or(INTERVAL_DEFAULT);
        let interval = interval.to_owned();
        Asker { host: word(host.unwrap_or("localhost")), interval }
    }
}

/// Whether a text is seconds as collectd writes them ("10.000", C's `%.3f`), and more than none. By
/// hand: the standard library's reader of floating-point numbers takes 17 kB on MIPS.
fn is_interval(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole) && is_digits(part) && text.contains(|c| ('1'..='9').contains(&c))
}

/// A part of an identifier: slashes part them, quotes end them.
fn word(text: &str) -> String {
    text.replace(|c: char| c == '/' || c == '"' || c == '\\' || c.is_whitespace(), "-")
}

/// The lines.
pub fn lines(asker: &Asker, status: &Value, shares: &[(&str, Value)]) -> String {
    let mut out = String::new();
    let mut put = |plugin: &str, kind: &str, instance: &str, value: &str| {
        let Asker { host, interval } = asker;
        let (plugin, instance) = (word(plugin), word(instance));
        let _ = writeln!(
            out,
            "PUTVAL \"{host}/{plugin}/{kind}-{instance}\" interval={interval} N:{value}"
        );
    };
    let part = |key: &str| status.get(key).unwrap_or(&Value::Null);
    for (kind, instance, of, key) in [
        ("gauge", "flows_live", "flows", "live"),
        ("derive", "flows_begun", "flows", "begun"),
        ("derive", "flows_named", "flows", "named"),
        ("derive", "flows_unknown", "flows", "unknown"),
        ("derive", "packets_read", "packets", "read"),
        ("derive", "frames_filtered", "packets", "filtered"),
    ] {
        put("nfa", kind, instance, &number(part(of), key).to_string());
    }
    let resident = number(part("memory"), "resident_kib").saturating_mul(1024);
    put("nfa", "memory", "resident", &resident.to_string());
    for source in list(status, "interfaces") {
        let dropped = number(source, "dropped").to_string();
        put("nfa", "derive", &format!("dropped_{}", text(source, "name")), &dropped);
    }
    for set in list(status, "sets") {
        put("nfa-sets", "gauge", &text(set, "name"), &number(set, "elements").to_string());
    }
    for rule in list(status, "rules") {
        put("nfa-actions", "derive", &text(rule, "name"), &number(rule, "matches").to_string());
    }
    for (by, answer) in shares {
        for row in list(answer, "rows") {
            let (got, sent) = (number(row, "other_bytes"), number(row, "local_bytes"));
            put(&format!("nfa-{by}"), "if_octets", &text(row, "name"), &format!("{got}:{sent}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_is_one_that_collectd_reads() {
        let status = json!({
            "flows": {"live": 2, "begun": 9}, "memory": {"resident_kib": 3},
            "interfaces": [{"name": "br-lan", "dropped": 4}],
            "sets": [{"name": "nfa.x.v4", "elements": 5}],
            "rules": [{"name": "a \"b\"/c", "matches": 7}],
        });
        let row = json!({"name": "HTTP/S", "local_bytes": 5, "other_bytes": 6});
        let asker = Asker::of(Some("router"), Some("30.000"));
        let text = lines(&asker, &status, &[("protocol", json!({"rows": [row]}))]);
        for line in [
            "PUTVAL \"router/nfa/gauge-flows_live\" interval=30.000 N:2",
            "PUTVAL \"router/nfa/memory-resident\" interval=30.000 N:3072",
            "PUTVAL \"router/nfa-sets/gauge-nfa.x.v4\" interval=30.000 N:5",
            "PUTVAL \"router/nfa-actions/derive-a--b--c\" interval=30.000 N:7",
            "PUTVAL \"router/nfa-protocol/if_octets-HTTP-S\" interval=30.000 N:6:5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().filter(|line| line.matches('"').count() != 2).count(), 0);
        assert_eq!(Asker::of(None, Some("often")).interval, INTERVAL_DEFAULT);
    }
}
