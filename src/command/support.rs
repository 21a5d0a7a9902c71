//! `nfa support`: all that helps others to help, with addresses and names masked.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use nfa::json::object;
use nfa::net::Mac;
use serde_json::{Map, Value};

use super::ask::ask;
use super::options::Options;
use super::{Command, Failure, Outcome, doctor};

/// The command.
pub static SUPPORT: Command = Command {
    name: "support",
    doc: "all that helps others to help: state, findings, doctor, flows; addresses and host names \
          are masked",
    usage: "support [--socket PATH] > nfa-support.json",
    run,
};

/// Keys whose texts are names of hosts.
const HOST_KEYS: &[&str] = &["host", "host_server_name", "dns_host_name"];

fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("support")?;
    let mut report = Map::new();
    report.insert("nfa".to_owned(), env!("CARGO_PKG_VERSION").into());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    report.insert("kernel".to_owned(), kernel.trim().into());
    let release = std::fs::read_to_string("/etc/openwrt_release").unwrap_or_default();
    report.insert("openwrt".to_owned(), release.lines().map(Value::from).collect());
    for method in ["status", "findings", "sets", "flows"] {
        let answer = match ask(options, method, &[]) {
            Ok(answer) => answer,
            Err(Failure::NoDaemon(message)) => object! { "error": message },
            Err(other) => return Err(other),
        };
        report.insert(method.to_owned(), answer);
    }
    report.insert("doctor".to_owned(), doctor::report(options));
    let mut report = Value::Object(report);
    Mask::default().hide(&mut report, "");
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(Outcome::Fine)
}

/// Stand-ins, the same for the same thing throughout.
#[derive(Default)]
struct Mask(HashMap<String, String>);

impl Mask {
    fn hide(&mut self, value: &mut Value, key: &str) {
        match value {
            Value::String(text) if HOST_KEYS.contains(&key) => *text = self.stand_in("host", text),
            Value::String(text) => *text = self.words(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item, key)),
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(key, value)| self.hide(value, key));
            }
            _ => {}
        }
    }

    fn stand_in(&mut self, kind: &str, text: &str) -> String {
        let number = self.0.len().saturating_add(1);
        let new = || format!("{kind}{number}");
        self.0.entry(text.to_owned()).or_insert_with(new).clone()
    }

    /// A text whose addresses are masked, with what stands between them.
    fn words(&mut self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || ".:[]".contains(c);
        let mut masked = String::new();
        for piece in text.split_inclusive(|c: char| !is_part(c)) {
            let end = piece.trim_end_matches(|c: char| !is_part(c));
            masked.push_str(&self.word(end));
            masked.push_str(piece.strip_prefix(end).unwrap_or_default());
        }
        masked
    }

    fn word(&mut self, word: &str) -> String {
        // A sentence may end behind it.
        let bare = word.trim_end_matches(['.', ':']);
        let tail = word.strip_prefix(bare).unwrap_or_default();
        if let Ok(addr) = bare.parse::<IpAddr>() {
            return self.addr(addr) + tail;
        }
        if let Ok(end) = bare.parse::<SocketAddr>() {
            return format!("{}:{}{tail}", self.addr(end.ip()), end.port());
        }
        if bare.parse::<Mac>().is_ok() {
            return self.stand_in("mac", bare) + tail;
        }
        word.to_owned()
    }

    /// Which of them are private is no secret, and often the point.
    fn addr(&mut self, addr: IpAddr) -> String {
        let kind = match addr {
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => "private4-",
            IpAddr::V4(_) => "public4-",
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => "private6-",
            IpAddr::V6(_) => "public6-",
        };
        self.stand_in(kind, &addr.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_and_names_are_masked_alike_wherever_they_stand() {
        let mut report = json!({
            "flow": "udp 192.168.1.9:5060 > 203.0.113.1:5060",
            "member": "203.0.113.1,udp:5060,192.168.1.9",
            "local_mac": "02:00:00:00:00:0a",
            "host": "private.example.org",
            "message": "fd00::9: gone. Ask 203.0.113.1.",
            "age_s": 5,
            "set": "nfa.sip.v4",
        });
        Mask::default().hide(&mut report, "");
        assert_eq!(
            report,
            json!({
                "flow": "udp private4-1:5060 > public4-2:5060",
                "member": "public4-2,udp:5060,private4-1",
                "local_mac": "mac3",
                "host": "host4",
                "message": "private6-5: gone. Ask public4-2.",
                "age_s": 5,
                "set": "nfa.sip.v4",
            })
        );
    }
}
