//! The rules that act on what nfa found, as text: nft for our own table, iptables, `ip rule`, tc,
//! and the sets that firewall4 is to declare. Printed, to be loaded by others: nfa runs nothing.
//!
//! The daemon writes into connections' marks; these rules read them there. So each connection is
//! judged by itself, from the moment it is known, whether it has been let through before or not.
//! Only bits of [`Marks::all`](crate::uci::Marks::all), and those of the user's own marks, are
//! ever written.

mod iptables;
mod nft;
mod shaper;

use std::fmt::{self, Write};

use crate::uci::{Home, Match, Setup, Verdict};

/// A kind of text.
#[derive(Debug)]
pub struct Format {
    /// Its word.
    pub name: &'static str,
    /// What it is, one line for people.
    pub doc: &'static str,
    /// Writes it.
    write: fn(&Setup, &Devices<'_>, &mut String) -> fmt::Result,
}

/// The device of the line, where a text needs one.
#[derive(Debug)]
pub struct Devices<'a> {
    /// Towards the internet.
    pub wan: &'a str,
}

/// Every kind there is.
pub static FORMATS: &[Format] = &[
    Format { name: "nft", doc: "our own table, for nft -f", write: |s, _, out| nft::write(s, out) },
    Format {
        name: "iptables",
        doc: "the same for iptables, as commands",
        write: |s, _, out| iptables::write(s, iptables::V4, out),
    },
    Format {
        name: "ip6tables",
        doc: "the same for ip6tables, as commands",
        write: |s, _, out| iptables::write(s, iptables::V6, out),
    },
    Format {
        name: "ip",
        doc: "ways of routed rules, as commands",
        write: |s, _, out| ways(s, out),
    },
    Format {
        name: "sets",
        doc: "sets to be declared to firewall4: NAME FAMILY TIMEOUT MAXELEM MATCH...",
        write: |s, _, out| sets(s, out),
    },
    Format { name: "tc", doc: "shapers that know the classes, as commands", write: shaper::write },
];

/// The text of that kind.
///
/// # Errors
/// None: texts in memory take everything.
pub fn text(format: &Format, setup: &Setup, devices: &Devices<'_>) -> Result<String, fmt::Error> {
    let mut out = String::new();
    (format.write)(setup, devices, &mut out)?;
    Ok(out)
}

/// Where `ip rule` has room: behind the local table, before main and what others put there.
const WAYS_FROM: usize = 1900;

/// One line for each family: the marks are the same.
fn ways(setup: &Setup, out: &mut String) -> fmt::Result {
    let routed = setup.active().filter_map(|rule| Some((rule.mark?, rule.table?)));
    for (number, (mark, table)) in routed.enumerate() {
        let priority = WAYS_FROM.saturating_add(number);
        for family in ["-4", "-6"] {
            writeln!(
                out,
                "ip {family} rule add fwmark {:#x}/{:#x} lookup {table} priority {priority}",
                mark.value, mark.mask
            )?;
        }
    }
    Ok(())
}

/// firewall4's own table.
const FIREWALL4: &str = "fw4";

fn sets(setup: &Setup, out: &mut String) -> fmt::Result {
    let used: Vec<usize> = setup.active().flat_map(|rule| rule.sets.iter().copied()).collect();
    for (number, set) in setup.sets.iter().enumerate() {
        let declared = set.homes.iter().any(|home| *home == Home::Nft(FIREWALL4.to_owned()));
        if !declared || !used.contains(&number) {
            continue;
        }
        let families: &[(&str, &str)] = match (set.key, set.family) {
            (Match::LocalMac, _) => &[(".mac", "ipv4")],
            (_, "ipv4") => &[(".v4", "ipv4")],
            (_, "ipv6") => &[(".v6", "ipv6")],
            _ => &[(".v4", "ipv4"), (".v6", "ipv6")],
        };
        for (suffix, family) in families {
            let (timeout, maxelem, words) = (set.timeout, set.maxelem, set.key.words());
            writeln!(out, "{}{suffix} {family} {timeout} {maxelem} {words}", set.name)?;
        }
    }
    Ok(())
}

/// Which verdicts rules give, the harder ones last.
fn verdicts(setup: &Setup) -> impl Iterator<Item = Verdict> {
    let all = [Verdict::Reject, Verdict::Drop];
    all.into_iter().filter(|verdict| setup.active().any(|rule| rule.verdict == Some(*verdict)))
}

/// Whether some rule logs what it cuts.
fn logs(setup: &Setup) -> bool {
    setup.active().any(|rule| rule.log && rule.verdict.is_some())
}
