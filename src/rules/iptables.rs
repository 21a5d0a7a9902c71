//! The same rules for iptables and ip6tables, legacy or nft: commands to be pasted or run, again
//! and again without harm. Chains of our own; only their jumps stand in the kernel's.

use std::fmt::{Result, Write};

use super::nft::{classes, own_marks};
use super::{logs, verdicts};
use crate::uci::{Backend, Mark, Setup, Verdict};

/// What differs between the families.
#[derive(Clone, Copy)]
pub(super) struct Family {
    command: &'static str,
    suffix: &'static str,
    of_sets: &'static str,
}

pub(super) const V4: Family = Family { command: "iptables", suffix: "v4", of_sets: "inet" };
pub(super) const V6: Family = Family { command: "ip6tables", suffix: "v6", of_sets: "inet6" };

/// Writes the commands.
pub(super) fn write(setup: &Setup, family: Family, out: &mut String) -> Result {
    let Family { command, .. } = family;
    writeln!(out, "# Made by `nfa rules --format {command}`.")?;
    prerouting(setup, family, out)?;
    forward(setup, command, out)?;
    postrouting(setup, command, out)
}

/// An empty chain of ours, and the jump to it in front of a chain of the kernel's.
fn chain(command: &str, table: &str, name: &str, hook: &str, out: &mut String) -> Result {
    let start = format!("{command} -w -t {table}");
    writeln!(out, "{start} -N {name} 2>/dev/null || {start} -F {name}")?;
    writeln!(out, "{start} -C {hook} -j {name} 2>/dev/null || {start} -I {hook} -j {name}")
}

fn bits(mark: Mark) -> String {
    format!("{:#x}/{:#x}", mark.value, mark.mask)
}

fn prerouting(setup: &Setup, family: Family, out: &mut String) -> Result {
    let Family { command, suffix, of_sets } = family;
    let own = own_marks(setup);
    if own.is_empty() && !setup.active().any(|rule| rule.remember) {
        return Ok(());
    }
    let (size, timeout) = (setup.globals.maxelem, setup.globals.timeout);
    let by_ipset = setup.globals.backend == Backend::Ipset;
    for rule in setup.active().filter(|rule| rule.remember && by_ipset) {
        // A rule can only name a set that is there; nfa takes one of its own shape over.
        writeln!(
            out,
            "ipset -exist create {}.{suffix} hash:ip,port,ip family {of_sets} \
             maxelem {size} timeout {timeout}",
            rule.memory()
        )?;
    }
    chain(command, "mangle", "nfa_pre", "PREROUTING", out)?;
    let start = format!("{command} -w -t mangle -A nfa_pre");
    for rule in setup.active().filter(|rule| rule.remember) {
        let Some(mark) = rule.marks(setup.globals.marks) else { continue };
        if !by_ipset {
            writeln!(out, "# {}: remembering needs option backend 'ipset' here", rule.id)?;
            continue;
        }
        writeln!(
            out,
            "{start} -m conntrack --ctstate NEW -m set --match-set {}.{suffix} dst,dst,src \
             -j CONNMARK --set-xmark {}",
            rule.memory(),
            bits(mark)
        )?;
    }
    for (mark, _) in own {
        let bits = bits(mark);
        writeln!(out, "{start} -m connmark --mark {bits} -j MARK --set-xmark {bits}")?;
    }
    Ok(())
}

fn forward(setup: &Setup, command: &str, out: &mut String) -> Result {
    if verdicts(setup).next().is_none() {
        return Ok(());
    }
    chain(command, "filter", "nfa_cut", "FORWARD", out)?;
    let start = format!("{command} -w -t filter -A nfa_cut");
    let marks = setup.globals.marks;
    if logs(setup) {
        let (bits, rate) = (bits(marks.log()), &setup.globals.log_limit);
        writeln!(
            out,
            "{start} -m connmark --mark {bits} -m limit --limit {rate} -j LOG \
             --log-prefix \"nfa cut: \""
        )?;
    }
    for verdict in verdicts(setup) {
        let bits = bits(marks.verdict(verdict));
        match verdict {
            Verdict::Reject => {
                // Who began is told first, see `nft`.
                let tcp = format!("{start} -p tcp -m connmark --mark {bits}");
                writeln!(out, "{tcp} --tcp-flags RST RST -j RETURN")?;
                writeln!(
                    out,
                    "{tcp} -m conntrack --ctdir ORIGINAL -j REJECT --reject-with tcp-reset"
                )?;
                writeln!(out, "{tcp} -j RETURN")?;
                writeln!(out, "{start} -m connmark --mark {bits} -j REJECT")?;
            }
            Verdict::Drop => writeln!(out, "{start} -m connmark --mark {bits} -j DROP")?,
        }
    }
    Ok(())
}

fn postrouting(setup: &Setup, command: &str, out: &mut String) -> Result {
    if classes(setup).next().is_none() {
        return Ok(());
    }
    chain(command, "mangle", "nfa_class", "POSTROUTING", out)?;
    for class in classes(setup) {
        writeln!(
            out,
            "{command} -w -t mangle -A nfa_class -m connmark --mark {} -j DSCP --set-dscp {}",
            bits(setup.globals.marks.class(class)),
            class.dscp()
        )?;
    }
    Ok(())
}
