//! `nfa doctor`: looks for what keeps nfa from its work, and names the command that mends it.

use std::fs;
use std::io::Write;
use std::path::Path;

use nfa::capture::FlowFilter;
use nfa::json::object;
use nfa::netlink::{Client, conntrack, ipset, nftables};
use nfa::sys;
use serde_json::Value;

use super::ask::ask;
use super::options::Options;
use super::show::{Paint, list, number, text};
use super::surroundings::Surroundings;
use super::{Command, Failure, Outcome, ruleset, status};

/// The command.
pub static DOCTOR: Command = Command {
    name: "doctor",
    doc: "looks for what keeps nfa from its work, and names the command that mends it",
    usage: "doctor [--json] [--socket PATH]",
    run,
};

/// The first day that a set clock may show: 2025-01-01, before this program was there.
const CLOCK_LEAST_S: u64 = 1_735_689_600;
/// Less free memory than that, in KiB, is a matter of time.
const MEMORY_LEAST_KIB: u64 = 12 << 10;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Fine,
    /// It works, with a limit that one should know.
    Note,
    Problem,
}

/// What a check found.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    weight: Weight,
    message: String,
    /// What mends it.
    fix: Option<String>,
}

impl Finding {
    fn fine(check: &'static str, message: impl Into<String>) -> Self {
        Finding { check, weight: Weight::Fine, message: message.into(), fix: None }
    }

    fn note(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding { check, weight: Weight::Note, message: message.into(), fix: Some(fix.into()) }
    }

    fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding { check, weight: Weight::Problem, message: message.into(), fix: Some(fix.into()) }
    }
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("doctor")?;
    let findings = examine(options);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if options.json {
        writeln!(out, "{}", as_json(&findings))?;
    } else {
        let paint = Paint::new();
        for Finding { check, weight, message, fix } in &findings {
            let mark = match weight {
                Weight::Fine => paint.good("ok     "),
                Weight::Note => paint.doubtful("note   "),
                Weight::Problem => paint.bad("problem"),
            };
            writeln!(out, "{mark} {check}: {message}")?;
            if let Some(fix) = fix {
                writeln!(out, "          {fix}")?;
            }
        }
    }
    out.flush()?;
    let ill = findings.iter().any(|finding| finding.weight == Weight::Problem);
    Ok(if ill { Outcome::Problems } else { Outcome::Fine })
}

/// The findings as a list of objects.
fn as_json(findings: &[Finding]) -> Value {
    let rows = findings.iter().map(|finding| {
        let weight = match finding.weight {
            Weight::Fine => "ok",
            Weight::Note => "note",
            Weight::Problem => "problem",
        };
        object! {"check": finding.check, "state": weight, "message": finding.message,
        "fix": finding.fix}
    });
    rows.collect()
}

/// All findings, for `nfa support` too.
pub fn report(options: &Options) -> Value {
    as_json(&examine(options))
}

fn examine(options: &Options) -> Vec<Finding> {
    let mut found = Vec::new();
    let status = ask(&Options { query: Vec::new(), ..options.clone() }, "status", &[]);
    match &status {
        Ok(status) => daemon(status, &mut found),
        Err(Failure::NoDaemon(message)) => {
            found.push(Finding::problem("daemon", message.clone(), "/etc/init.d/nfa start"));
        }
        Err(_) => found.push(Finding::problem(
            "daemon",
            "its answer is not one of this version",
            "/etc/init.d/nfa restart",
        )),
    }
    rights(&mut found);
    kernel(&mut found);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let around = Surroundings::find();
    found.extend(around.offload.map(offload));
    found.extend(status.as_ref().ok().and_then(names));
    found.extend(accounting(&read("/proc/sys/net/netfilter/nf_conntrack_acct")));
    found.push(clock(sys::wall_clock().as_secs()));
    found.extend(memory(&read("/proc/meminfo")));
    let path = status.as_ref().ok().and_then(|status| status.get("config"));
    let path = path
        .map(|config| text(config, "path"))
        .or_else(|| options.config.as_ref().map(|path| path.display().to_string()));
    if let Some(config) = path.and_then(|path| fs::read_to_string(path).ok()) {
        found.extend(marks(&config, |name| Path::new("/etc/config").join(name).exists()));
        found.extend(marks_in_rules(&config, &around.marks));
    }
    found
}

fn daemon(status: &Value, found: &mut Vec<Finding>) {
    let troubles = status::troubles(status);
    if troubles.is_empty() {
        found.push(Finding::fine("daemon", "runs and has nothing to complain about"));
    }
    for doubt in status::doubts(status) {
        let fix = "raise \"max_elements\" of its target and make it anew, or lower its \"ttl\"";
        found.push(Finding::note("sets", doubt, fix));
    }
    let unmade = list(status, "sets").iter().filter(|set| text(set, "state") == "missing");
    let unmade: Vec<(String, String)> =
        unmade.map(|set| (text(set, "name"), make_set(set))).collect();
    for (name, fix) in
        unmade.iter().filter(|(name, _)| !troubles.iter().any(|t| t.contains(name.as_str())))
    {
        let message = format!("nobody has made set {name}; no flow has wanted it yet");
        found.push(Finding::note("sets", message, fix.clone()));
    }
    let names: Vec<String> = list(status, "sets").iter().map(|set| text(set, "name")).collect();
    for name in ruleset::late_sets(&names) {
        found.push(Finding::note(
            "rules",
            format!(
                "a rule on {name} stands behind \"established\": flows are named after their first \
                 packets, so those that run go on"
            ),
            "put the rule before \"ct state established accept\", or add a target of type kill",
        ));
    }
    for trouble in troubles {
        let own = unmade.iter().find(|(name, _)| trouble.contains(name.as_str()));
        let fix = if let Some((_, fix)) = own {
            fix.clone()
        } else if trouble.contains("is full") {
            "raise \"max_elements\" of its target and make it anew, or lower its \"ttl\"".to_owned()
        } else if trouble.contains("not captured") {
            "ip link show; name the right interface in the configuration".to_owned()
        } else if trouble.contains("frames lost") {
            "fewer categories of regular expressions, or a smaller \"max_flows\"; see \
             docs/troubleshooting.md"
                .to_owned()
        } else if trouble.contains("another key") {
            "ipset destroy it, or nft delete set: nfa makes it anew if it is managed".to_owned()
        } else {
            "nfa findings".to_owned()
        };
        found.push(Finding::problem("daemon", trouble, fix));
    }
}

/// How a set that nobody has made is made.
fn make_set(set: &Value) -> String {
    let (name, home) = (text(set, "name"), text(set, "home"));
    let (inet6, addr) =
        if name.ends_with(".v6") { (" family inet6", "ipv6_addr") } else { ("", "ipv4_addr") };
    let by_hand = match home.strip_prefix("nft ") {
        Some(table) => {
            format!("nft add set {table} {name} '{{ type {addr}; flags timeout; }}'")
        }
        None => format!("ipset create {name} hash:ip{inet6} timeout 3600"),
    };
    format!(
        "\"managed\": true in its target, or declare it in the firewall, or: {by_hand}  (with the \
         type that its target has)"
    )
}

fn rights(found: &mut Vec<Finding>) {
    if sys::effective_uid() != 0 {
        let message = "this is not root: some checks below cannot look";
        found.push(Finding::note("rights", message, "sudo nfa doctor"));
    }
}

/// What of the kernel is there, by asking it.
fn kernel(found: &mut Vec<Finding>) {
    let install = |packages: &str| format!("opkg install {packages}  (OpenWrt 25.12: apk add)");
    let mut client = match Client::open() {
        Ok(client) => client,
        Err(error) => {
            let fix = install("kmod-nfnetlink");
            return found.push(Finding::problem("netfilter", error.to_string(), fix));
        }
    };
    let nft = nftables::generation(&mut client).map(|_| ());
    let sets = ipset::protocol(&mut client).map(|_| ());
    let kinds = [("nft sets", nft, "kmod-nft-core"), ("ipset", sets, "kmod-ipt-ipset")];
    let has_one = kinds.iter().any(|(_, there, _)| there.is_ok());
    for (check, there, package) in kinds {
        found.push(match there {
            Ok(()) => Finding::fine(check, "the kernel has them"),
            // One of the two is enough: which, the firewall says.
            Err(error) if has_one => Finding::note(check, error.to_string(), install(package)),
            Err(error) => Finding::problem(check, error.to_string(), install(package)),
        });
    }
    found.push(match conntrack::count(&mut client) {
        Ok(count) => Finding::fine("conntrack", format!("{count} connections")),
        Err(error) => Finding::note(
            "conntrack",
            format!("{error}: labels, marks and kill do nothing"),
            install("kmod-nf-conntrack-netlink"),
        ),
    });
    if sys::has_capability(sys::CAP_NET_RAW) {
        found.push(match FlowFilter::load(16, 64) {
            Ok(_) => Finding::fine("filter", "the kernel can leave out decided flows (eBPF)"),
            Err(error) => Finding::note(
                "filter",
                format!("{error}: every frame is copied, which costs CPU"),
                "a kernel with CONFIG_BPF_SYSCALL; nothing else is lost",
            ),
        });
    }
}

/// Flows that no rule and no capture sees.
fn offload(kind: &str) -> Finding {
    Finding::note(
        "offload",
        format!(
            "{kind} flow offload is on: flows are named by their first packets, but a rule on a set \
             does not stop a flow that is offloaded already, and volumes come from connection tracking"
        ),
        "uci set firewall.@defaults[0].flow_offloading=0; uci commit firewall; \
         /etc/init.d/firewall restart  (or add a target of type kill)",
    )
}

/// Flows after which a router that hears no name server's answer will not hear one.
const FLOWS_WITHOUT_NAMES: u64 = 200;

/// Whether names of hosts can be had from DNS.
fn names(status: &Value) -> Option<Finding> {
    let part = |key: &str| status.get(key).unwrap_or(&Value::Null);
    let (answers, begun) = (number(part("names"), "dns_answers"), number(part("flows"), "begun"));
    if answers > 0 {
        return Some(Finding::fine("names", format!("{answers} DNS answers are remembered")));
    }
    let all_alike = |protocol: &str| {
        list(status, "protocols").iter().any(|share| text(share, "name") == protocol)
    };
    let encrypted = ["DoT", "DoH", "DoQ"].iter().any(|protocol| all_alike(protocol));
    let why = if encrypted {
        "the clients ask name servers by encrypted ways"
    } else {
        "the clients' questions do not pass the interfaces that are captured"
    };
    (begun >= FLOWS_WITHOUT_NAMES).then(|| {
        Finding::note(
            "names",
            format!(
                "no DNS answer was seen in {begun} flows ({why}): what hides its name (ECH) stays \
                 unknown"
            ),
            "uci add_list dhcp.lan.dhcp_option='6,ADDRESS OF THIS ROUTER'; uci commit dhcp; \
             /etc/init.d/dnsmasq restart; and switch private DNS off on the devices",
        )
    })
}

/// The text of `nf_conntrack_acct`; empty where there is no such thing.
fn accounting(text: &str) -> Option<Finding> {
    match text.trim() {
        "" => None,
        "0" => Some(Finding::note(
            "accounting",
            "connection tracking counts no bytes",
            "sysctl -w net.netfilter.nf_conntrack_acct=1",
        )),
        _ => Some(Finding::fine("accounting", "connection tracking counts bytes")),
    }
}

fn clock(unix_seconds: u64) -> Finding {
    if unix_seconds >= CLOCK_LEAST_S {
        return Finding::fine("clock", "is set");
    }
    Finding::problem(
        "clock",
        "is not set: schedules (time_of_day) are wrong until it is",
        "/etc/init.d/sysntpd restart",
    )
}

/// The text of `/proc/meminfo`.
fn memory(meminfo: &str) -> Option<Finding> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    let mib = kib >> 10;
    Some(if kib >= MEMORY_LEAST_KIB {
        Finding::fine("memory", format!("{mib} MiB are free"))
    } else {
        Finding::problem(
            "memory",
            format!("only {mib} MiB are free"),
            "a smaller \"max_flows\" or --max-flows 2048, and fewer category lists",
        )
    })
}

/// Who else uses which bits of the conntrack mark on OpenWrt, by the name of their configuration.
const MARK_USERS: &[(&str, u32)] = &[
    ("qos", 0x0000_00ff),
    ("dscpclassify", 0x0000_00ff),
    ("mwan3", 0x0000_3f00),
    ("pbr", 0x00ff_0000),
];

/// The bits that each target of a configuration's text changes of the connection mark.
fn own_masks(config: &str) -> Vec<(String, u32)> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let targets = config.get("targets").and_then(Value::as_object).into_iter().flatten();
    let mask = |(name, target): (&String, &Value)| {
        let kind = target.get("target_type").or_else(|| target.get("type"));
        if kind.and_then(Value::as_str) != Some("ctmark") {
            return None;
        }
        let mask = target.get("mask").and_then(Value::as_str);
        let mask = mask.map_or(Some(u32::MAX), |text| {
            u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
        });
        Some((name.clone(), mask?))
    };
    targets.filter_map(mask).collect()
}

/// Rules of this machine that change the bits of our targets.
fn marks_in_rules(config: &str, rules: &[(String, u32)]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (rule, bits) in rules {
        let ours = own_masks(config).into_iter().find(|(_, mask)| mask & bits != 0);
        found.extend(ours.map(|(name, mask)| {
            Finding::problem(
                "marks",
                format!("a rule changes bits {:#010x} of target {name}: {rule}", mask & bits),
                format!(
                    "give the target a \"mask\" outside {bits:#010x}, or have the rule keep the other \
                     bits: ct mark set ct mark & {mask:#010x} | ..."
                ),
            )
        }));
    }
    found
}

/// Marks in the text of a configuration that others use too.
fn marks(config: &str, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, mask) in own_masks(config) {
        for (user, bits) in MARK_USERS.iter().filter(|(user, _)| is_there(user)) {
            if mask & bits != 0 {
                found.push(Finding::problem(
                    "marks",
                    format!("target {name} changes bits {:#010x} that {user} uses", mask & bits),
                    format!("give it a \"mask\" outside {bits:#010x}, such as \"0x7f000000\""),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_that_write_our_bits_are_told() {
        let config = r#"{"targets": {"a": {"target_type": "ctmark", "mark": "0x1000000",
            "mask": "0x7f000000"}}}"#;
        let rules = [("x".to_owned(), 0xff), ("y".to_owned(), u32::MAX)];
        let found = marks_in_rules(config, &rules);
        let lines: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(lines, ["a rule changes bits 0x7f000000 of target a: y"]);
        assert!(marks_in_rules("{}", &rules).is_empty());
    }

    #[test]
    fn a_lan_without_dns_answers_is_noticed_after_a_while() {
        let status = |answers: u32, begun: u32, protocol: &str| {
            json!({"names": {"dns_answers": answers}, "flows": {"begun": begun},
                "protocols": [{"name": protocol}]})
        };
        assert_eq!(names(&status(3, 500, "TLS")).map(|f| f.weight), Some(Weight::Fine));
        assert!(names(&status(0, 10, "TLS")).is_none());
        let told = |protocol| names(&status(0, 500, protocol)).unwrap().message;
        assert!(told("DoT").contains("encrypted") && told("TLS").contains("do not pass"));
    }

    #[test]
    fn clock_memory_and_accounting_have_their_bounds() {
        assert_eq!(clock(0).weight, Weight::Problem);
        assert_eq!(clock(1_800_000_000).weight, Weight::Fine);
        let of =
            |kib| memory(&format!("MemTotal: 1 kB\nMemAvailable:   {kib} kB\n")).unwrap().weight;
        assert_eq!((of(4096), of(65536)), (Weight::Problem, Weight::Fine));
        assert!(memory("").is_none() && accounting("").is_none());
        assert_eq!(accounting("0\n").map(|finding| finding.weight), Some(Weight::Note));
    }

    #[test]
    fn marks_of_others_are_told_apart_by_their_bits() {
        let config = r#"{"targets": {
            "a": {"target_type": "ctmark", "mark": "0x1"},
            "b": {"target_type": "ctmark", "mark": "0x1000000", "mask": "0x7f000000"},
            "c": {"target_type": "ipset"}}}"#;
        let lines: Vec<String> =
            marks(config, |user| user == "mwan3").into_iter().map(|found| found.message).collect();
        assert_eq!(lines, ["target a changes bits 0x00003f00 that mwan3 uses"]);
        assert!(marks(config, |_| false).is_empty() && marks("no JSON", |_| true).is_empty());
    }
}
