//! Rules on sets that stand behind "established": they see only the first packets of a flow, before
//! it has a name. For `nfa doctor`.

use std::process::Command;

use nfa::sorted::SortedMap;

/// Longest ruleset that is looked at, in bytes.
const TEXT_MAX: usize = 4 << 20;
/// How deep chains may jump.
const DEPTH_MAX: usize = 16;
/// Rules that are walked through, jumps included.
const STEPS_MAX: usize = 100_000;

/// A ruleset: its chains by name, and those that forwarded packets come to first.
#[derive(Debug, Default)]
struct Rules<'t> {
    chains: SortedMap<String, Vec<&'t str>>,
    bases: Vec<String>,
}

/// What stands behind "established" in the machine's rulesets: a set's name each, sorted.
pub fn late_sets(sets: &[String]) -> Vec<String> {
    // -t leaves out the elements of sets, which can be more than a router has room for.
    let nft = output("nft", &["-t", "list", "ruleset"]);
    let iptables = output("iptables-save", &["-t", "filter"]);
    let mut late = behind_established(&read_nft(&nft), sets);
    late.extend(behind_established(&read_iptables(&iptables), sets));
    late.sort();
    late.dedup();
    late
}

/// What a command prints; nothing if it is not there.
pub fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = text.get(..TEXT_MAX).unwrap_or(&text);
    String::from_utf8_lossy(text).into_owned()
}

fn read_nft(text: &str) -> Rules<'_> {
    let mut rules = Rules::default();
    let (mut table, mut chain) = (String::new(), None::<String>);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ").and_then(|rest| rest.strip_suffix(" {")) {
            name.clone_into(&mut table);
            chain = None;
        } else if let Some(name) = line.strip_prefix("chain ").and_then(|l| l.strip_suffix(" {")) {
            chain = Some(format!("{table} {name}"));
        } else if line == "}" {
            chain = None;
        } else if let Some(chain) = &chain {
            if line.contains(" hook forward ") {
                rules.bases.push(chain.clone());
            }
            rules.chains.change(chain.clone(), |rules| rules.push(line));
        }
    }
    rules
}

fn read_iptables(text: &str) -> Rules<'_> {
    let mut rules = Rules { bases: vec![" FORWARD".to_owned()], ..Rules::default() };
    for line in text.lines() {
        let Some((chain, rule)) = line.strip_prefix("-A ").and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        rules.chains.change(format!(" {chain}"), |rules| rules.push(rule));
    }
    rules
}

/// The chain that a rule jumps to.
fn jump(rule: &str) -> Option<&str> {
    let mut words = rule.split_whitespace();
    words.find(|word| ["jump", "goto", "-j", "-g"].contains(word))?;
    words.next()
}

fn accepts_established(rule: &str) -> bool {
    let small = rule.to_lowercase();
    small.contains("established") && small.contains("accept")
}

fn behind_established(rules: &Rules<'_>, sets: &[String]) -> Vec<String> {
    let (mut late, mut steps) = (Vec::new(), 0);
    for base in &rules.bases {
        let mut seen = false;
        walk(rules, base, sets, 0, &mut (&mut seen, &mut steps, &mut late));
    }
    late
}

fn walk(
    rules: &Rules<'_>,
    chain: &str,
    sets: &[String],
    depth: usize,
    state: &mut (&mut bool, &mut usize, &mut Vec<String>),
) {
    let table = chain.rsplit_once(' ').map_or("", |(table, _)| table);
    for rule in rules.chains.get(chain).into_iter().flatten() {
        let (seen, steps, late) = state;
        **steps = steps.saturating_add(1);
        if **steps > STEPS_MAX {
            return;
        }
        **seen |= accepts_established(rule);
        if **seen {
            let named = |set: &&String| {
                rule.split_whitespace().any(|word| word.trim_start_matches('@') == set.as_str())
            };
            late.extend(sets.iter().filter(named).cloned());
        }
        if let Some(to) = jump(rule).filter(|_| depth < DEPTH_MAX) {
            walk(rules, &format!("{table} {to}"), sets, depth.saturating_add(1), state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFT: &str = "table inet fw4 {
	set nfa.video.v4 {
		type ipv4_addr
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ip daddr @nfa.early.v4 reject
		ct state vmap { established : accept, related : accept }
		iifname \"br-lan\" jump forward_lan
	}
	chain forward_lan {
		ip daddr @nfa.video.v4 counter reject comment \"x\"
	}
	chain mangle {
		type filter hook postrouting priority mangle;
		ct state established accept
		ip daddr @nfa.other.v4 drop
	}
}
";
    const IPTABLES: &str = "*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m set --match-set nfa.early.v4 dst -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j mine
-A mine -m set --match-set nfa.video.v4 dst -j DROP
-A mine -j mine
COMMIT
";

    #[test]
    fn rules_behind_established_are_found_through_jumps() {
        let sets: Vec<String> =
            ["nfa.early.v4", "nfa.video.v4", "nfa.other.v4"].map(str::to_owned).into();
        assert_eq!(behind_established(&read_nft(NFT), &sets), ["nfa.video.v4"]);
        let mut late = behind_established(&read_iptables(IPTABLES), &sets);
        late.dedup();
        assert_eq!(late, ["nfa.video.v4"], "a chain that jumps to itself ends too");
        assert!(behind_established(&read_nft("}}} chain {"), &sets).is_empty());
    }
}
