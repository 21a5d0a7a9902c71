//! What else on this machine handles its traffic: which firewall, whether flows are offloaded, who
//! shapes, who writes marks. Read off the tools' own output and configuration, for people who ask.

use std::fs;

use serde_json::{Value, json};

use super::ruleset;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// `fw4`, `nft`, `iptables`, or two of them; empty: none.
    pub firewall: Vec<&'static str>,
    /// `software` or `hardware`.
    pub offload: Option<&'static str>,
    /// Shapers with their devices: `cake on eth1`.
    pub shapers: Vec<String>,
    /// Who else changes bits of the connection mark: the rule, and which bits.
    pub marks: Vec<(String, u32)>,
}

impl Surroundings {
    /// Looks. What may not be looked at, or has no tool here, is not found.
    pub fn find() -> Self {
        let nft = ruleset::output("nft", &["-t", "list", "ruleset"]);
        let iptables = ruleset::output("iptables-save", &[]);
        let qdiscs = ruleset::output("tc", &["qdisc", "show"]);
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let configs = [read("/etc/config/firewall"), read("/etc/config/sqm")];
        Surroundings::of(&nft, &iptables, &qdiscs, &configs)
    }

    fn of(nft: &str, iptables: &str, qdiscs: &str, [firewall, sqm]: &[String; 2]) -> Self {
        let mut found = Surroundings::default();
        let tables = || nft.lines().filter_map(|line| line.strip_prefix("table "));
        // Of an nft that shows iptables-nft's tables too those are named as such below.
        let is_own = |table: &str| table.starts_with("inet nfa ");
        if tables().any(|table| table.starts_with("inet fw4 ")) {
            found.firewall.push("fw4");
        } else if tables().any(|table| !is_own(table) && !is_iptables(table)) {
            found.firewall.push("nft");
        }
        if iptables.lines().any(|line| line.starts_with("-A ")) {
            found.firewall.push("iptables");
        }
        found.offload = offload(nft, firewall);
        found.shapers = shapers(qdiscs, sqm);
        found.marks = marks_of_nft(nft);
        found.marks.extend(marks_of_iptables(iptables));
        found
    }

    /// In `nfa status --json`.
    pub fn json(&self) -> Value {
        json!({"firewall": self.firewall, "offload": self.offload, "sqm": self.shapers})
    }
}

fn is_iptables(table: &str) -> bool {
    let mut words = table.split_whitespace();
    let family = words.next().unwrap_or_default();
    let name = words.next().unwrap_or_default();
    ["ip", "ip6"].contains(&family)
        && ["filter", "nat", "mangle", "raw", "security"].contains(&name)
}

/// Whether an option of UCI is on in the text of a file.
pub fn uci_is_on(config: &str, option: &str) -> bool {
    uci_values(config, option)
        .any(|on| ["1", "on", "true", "yes", "enabled"].contains(&on.as_str()))
}

fn uci_values<'t>(config: &'t str, option: &'t str) -> impl Iterator<Item = String> + 't {
    config.lines().filter_map(move |line| {
        let mut words = line.split_whitespace();
        let mut value = || words.next().map(|word| word.trim_matches(['\'', '"']).to_owned());
        (value()? == "option" && value()? == option).then(value).flatten()
    })
}

/// By what runs, else by what is configured.
fn offload(nft: &str, firewall: &str) -> Option<&'static str> {
    let adds = nft.lines().any(|line| {
        let line = line.trim();
        line.contains("flow add @") || line.contains("flow offload @")
    });
    let in_hardware = nft.lines().any(|line| line.trim() == "flags offload")
        || uci_is_on(firewall, "flow_offloading_hw");
    let is_on = adds || uci_is_on(firewall, "flow_offloading");
    is_on.then_some(if in_hardware { "hardware" } else { "software" })
}

/// Queueing disciplines that shape; what SQM is told to do where `tc` is not there.
fn shapers(qdiscs: &str, sqm: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in qdiscs.lines() {
        let mut words = line.split_whitespace().skip_while(|word| *word != "qdisc").skip(1);
        let kind = words.next().unwrap_or_default();
        let device = words.skip_while(|word| *word != "dev").nth(1).unwrap_or_default();
        if ["cake", "cake_mq", "htb", "hfsc"].contains(&kind) {
            found.push(format!("{kind} on {device}"));
        }
    }
    if found.is_empty() && uci_is_on(sqm, "enabled") {
        let devices = uci_values(sqm, "interface");
        found.extend(devices.map(|device| format!("configured on {device}")));
    }
    found.sort();
    found.dedup();
    found
}

/// A number as nft writes it.
fn hexadecimal(text: &str) -> Option<u32> {
    let text = text.trim_end_matches([',', ')', ';']);
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The bits that rules outside our own table change: all that `ct mark set` does not take over.
fn marks_of_nft(nft: &str) -> Vec<(String, u32)> {
    let mut table = "";
    let mut found = Vec::new();
    for line in nft.lines() {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(" {");
            continue;
        }
        let Some((_, value)) = line.split_once("ct mark set ") else { continue };
        if table == "inet nfa" {
            continue;
        }
        let value = value.split(" comment ").next().unwrap_or_default();
        let words: Vec<&str> = value.split_whitespace().collect();
        let behind = |sign: &[&str]| {
            let at = words.iter().position(|word| sign.contains(word))?;
            hexadecimal(words.get(at.saturating_add(1))?)
        };
        let kept = behind(&["&", "and"]);
        let set = behind(&["|", "or", "^", "xor"]).unwrap_or(0);
        let bits = match (value.starts_with("ct mark"), kept) {
            // `ct mark & KEPT | SET`: what is kept stays.
            (true, Some(kept)) => !kept | set,
            (true, None) => set,
            // `meta mark & MASK` brings those bits, and clears the others.
            (false, _) => u32::MAX,
        };
        found.push((format!("table {table}: {}", line.trim()), bits));
    }
    found
}

fn marks_of_iptables(text: &str) -> Vec<(String, u32)> {
    let rules = text.lines().filter(|line| line.starts_with("-A ") && line.contains("CONNMARK"));
    let bits_of = |rule: &str| {
        let mut words = rule.split_whitespace();
        let value = words
            .find(|word| ["--set-xmark", "--set-mark"].contains(word))
            .and_then(|_| words.next())
            .map(|value| value.split_once('/').unwrap_or((value, "0xffffffff")).1);
        let mut words = rule.split_whitespace();
        // --save-mark copies the packet's mark into those bits.
        let saved = rule.contains("--save-mark").then(|| {
            words
                .find(|word| *word == "--ctmask")
                .and_then(|_| words.next())
                .unwrap_or("0xffffffff")
        });
        hexadecimal(value.or(saved)?)
    };
    rules.filter_map(|rule| Some((rule.to_owned(), bits_of(rule)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFT: &str = "table inet fw4 {
	flowtable ft {
		hook ingress priority filter
		devices = { eth1, lan1 }
		flags offload
	}
	chain forward {
		meta l4proto { tcp, udp } flow add @ft
		ct mark set ct mark & 0xffffc0ff | 0x00000100 comment \"mwan3\"
	}
}
table inet nfa {
	chain x {
		ct mark set 0x1
	}
}
table ip mangle {
	chain FORWARD {
		ct mark set meta mark
	}
}
";
    const IPTABLES: &str = "*mangle
-A PREROUTING -j CONNMARK --set-xmark 0x40/0xff
-A POSTROUTING -j CONNMARK --save-mark --nfmask 0x3f00 --ctmask 0x3f00
-A OUTPUT -j CONNMARK --restore-mark --nfmask 0x3f00 --ctmask 0x3f00
";

    fn found(nft: &str, iptables: &str, qdiscs: &str, configs: [&str; 2]) -> Surroundings {
        Surroundings::of(nft, iptables, qdiscs, &configs.map(str::to_owned))
    }

    #[test]
    fn firewall_offload_shapers_and_marks_are_found() {
        let qdiscs = "qdisc noqueue 0: dev lo root refcnt 2
qdisc cake 8001: dev eth1 root refcnt 2 bandwidth 50Mbit diffserv4
qdisc fq_codel 0: dev eth0 root
qdisc ingress ffff: dev eth1 parent ffff:fff1
";
        let all = found(NFT, IPTABLES, qdiscs, ["", ""]);
        assert_eq!(all.firewall, ["fw4", "iptables"]);
        assert_eq!(all.offload, Some("hardware"));
        assert_eq!(all.shapers, ["cake on eth1"]);
        let bits: Vec<u32> = all.marks.iter().map(|(_, bits)| *bits).collect();
        assert_eq!(bits, [0x3f00, u32::MAX, 0xff, 0x3f00], "{:?}", all.marks);
        assert!(all.marks[0].0.starts_with("table inet fw4: ct mark set"));

        let sqm = "config queue\n\toption enabled '1'\n\toption interface 'wan'\n";
        let quiet = found("", "*filter\nCOMMIT\n", "", ["\toption flow_offloading '1'\n", sqm]);
        assert_eq!((quiet.firewall.len(), quiet.marks.len()), (0, 0));
        assert_eq!(quiet.offload, Some("software"));
        assert_eq!(quiet.shapers, ["configured on wan"]);
        assert_eq!(found("", "", "", ["", ""]), Surroundings::default());
        assert_eq!(found("table ip t {\n}\n", "", "", ["", ""]).firewall, ["nft"]);
    }

    #[test]
    fn options_are_read_as_uci_writes_them() {
        let on = "config defaults\n\toption flow_offloading '1'\n";
        assert_eq!(offload("", on), Some("software"));
        let hardware = format!("{on}\toption flow_offloading_hw \"1\"\n");
        assert_eq!(offload("", &hardware), Some("hardware"));
        assert_eq!(offload("", "\toption flow_offloading '0'\n# option flow_offloading 1\n"), None);
    }
}
