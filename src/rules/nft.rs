//! Our own table for `nft -f`: one transaction, beside firewall4 and whoever else has tables.

use std::fmt::{Result, Write};

use super::{logs, verdicts};
use crate::uci::{Class, Mark, Rule, Setup, Verdict};

/// The classes that rules give.
pub(super) fn classes(setup: &Setup) -> impl Iterator<Item = Class> {
    let all = Class::WORDS.iter().map(|(_, class)| *class);
    all.filter(|class| setup.active().any(|rule| rule.class == Some(*class)))
}

/// The users' own marks, each once, with the rules that have it.
pub(super) fn own_marks(setup: &Setup) -> Vec<(Mark, &Rule)> {
    let mut marks: Vec<(Mark, &Rule)> = Vec::new();
    for rule in setup.active() {
        if let Some(mark) = rule.mark
            && !marks.iter().any(|(known, _)| *known == mark)
        {
            marks.push((mark, rule));
        }
    }
    marks
}

/// Writes the table.
pub(super) fn write(setup: &Setup, out: &mut String) -> Result {
    out.write_str(
        "# Made by `nfa rules`. One transaction: all of it comes into force, or nothing changes.\n\
         add table inet nfa\n\
         delete table inet nfa\n\
         table inet nfa {\n",
    )?;
    counters(setup, out)?;
    memories(setup, out)?;
    prerouting(setup, out)?;
    forward(setup, out)?;
    postrouting(setup, out)?;
    out.write_str("}\n")
}

fn counters(setup: &Setup, out: &mut String) -> Result {
    for rule in setup.active().filter(|rule| rule.remember) {
        writeln!(out, "\tcounter remembered_{} {{ }}", rule.id)?;
    }
    for (_, rule) in own_marks(setup) {
        writeln!(out, "\tcounter mark_{} {{ }}", rule.id)?;
    }
    for verdict in verdicts(setup) {
        writeln!(out, "\tcounter {}_packets {{ }}", verdict.word())?;
    }
    for class in classes(setup) {
        writeln!(out, "\tcounter class_{} {{ }}", class.word())?;
    }
    Ok(())
}

const FAMILIES: [(&str, &str); 2] = [("v4", "ip"), ("v6", "ip6")];

/// Where flows of rules that remember went. The daemon fills these; a day or an hour after the
/// last flow the kernel takes an element out.
fn memories(setup: &Setup, out: &mut String) -> Result {
    let (size, timeout) = (setup.globals.maxelem, setup.globals.timeout);
    for rule in setup.active().filter(|rule| rule.remember) {
        for (suffix, family) in FAMILIES {
            let addr = if family == "ip" { "ipv4_addr" } else { "ipv6_addr" };
            write!(
                out,
                "\tset {}.{suffix} {{\n\t\ttype {addr} . inet_proto . inet_service . {addr}\n\
                 \t\tsize {size}\n\t\tflags timeout\n\t\ttimeout {timeout}s\n\t}}\n",
                rule.memory()
            )?;
        }
    }
    Ok(())
}

/// `meta mark set ...` or `ct mark set ...` of these bits only.
fn set(what: &str, mark: Mark) -> String {
    format!("{what} set {what} & {:#010x} | {:#010x}", !mark.mask, mark.value)
}

/// A connection that begins gets what others to the same place had; then packets get the users'
/// own bits, before their way is chosen.
fn prerouting(setup: &Setup, out: &mut String) -> Result {
    let own = own_marks(setup);
    if own.is_empty() && !setup.active().any(|rule| rule.remember) {
        return Ok(());
    }
    out.write_str(
        "\tchain prerouting {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n",
    )?;
    for rule in setup.active().filter(|rule| rule.remember) {
        let Some(mark) = rule.marks(setup.globals.marks) else { continue };
        writeln!(out, "\t\t# {}", rule.name)?;
        for (suffix, family) in FAMILIES {
            writeln!(
                out,
                "\t\tct state new {family} daddr . meta l4proto . th dport . {family} saddr \
                 @{}.{suffix} counter name \"remembered_{}\" {}",
                rule.memory(),
                rule.id,
                set("ct mark", mark)
            )?;
        }
    }
    for (mark, rule) in own {
        writeln!(
            out,
            "\t\tct mark & {:#010x} == {:#010x} counter name \"mark_{}\" {}",
            mark.mask,
            mark.value,
            rule.id,
            set("meta mark", mark)
        )?;
    }
    out.write_str("\t}\n")
}

/// In front of firewall4's forward chain (priority filter), which lets established connections
/// through before it asks anything else. What we accept that chain still judges.
///
/// Of TCP, who began is told by a reset in answer to what he sends, if only an acknowledgement: so
/// the other's segments must reach him. What comes then he answers with a reset, which passes and
/// tells the other one. Had the other been told first, he would wait for ever.
fn forward(setup: &Setup, out: &mut String) -> Result {
    if verdicts(setup).next().is_none() {
        return Ok(());
    }
    out.write_str(
        "\tchain forward {\n\t\ttype filter hook forward priority filter - 1; policy accept;\n",
    )?;
    let marks = setup.globals.marks;
    if logs(setup) {
        let (bit, rate) = (marks.log().mask, &setup.globals.log_limit);
        writeln!(
            out,
            "\t\tct mark & {bit:#010x} != 0 limit rate {rate} burst 5 packets \
             log prefix \"nfa cut: \""
        )?;
    }
    for verdict in verdicts(setup) {
        let bit = marks.verdict(verdict).mask;
        let word = verdict.word();
        let test = format!("ct mark & {bit:#010x} != 0");
        let counter = format!("counter name \"{word}_packets\"");
        if verdict == Verdict::Reject {
            writeln!(out, "\t\t{test} tcp flags & rst != 0 accept")?;
            let tcp = format!("{test} meta l4proto tcp");
            writeln!(out, "\t\t{tcp} ct direction original {counter} reject with tcp reset")?;
            writeln!(out, "\t\t{tcp} accept")?;
        }
        writeln!(out, "\t\t{test} {counter} {word}")?;
    }
    out.write_str("\t}\n")
}

/// Behind all that chooses a way, before a shaper sees the packet: in both directions.
fn postrouting(setup: &Setup, out: &mut String) -> Result {
    if classes(setup).next().is_none() {
        return Ok(());
    }
    out.write_str(
        "\tchain postrouting {\n\
         \t\ttype filter hook postrouting priority mangle; policy accept;\n",
    )?;
    for class in classes(setup) {
        let mark = setup.globals.marks.class(class);
        for (_, family) in FAMILIES {
            let proto = if family == "ip" { "ipv4" } else { "ipv6" };
            writeln!(
                out,
                "\t\tct mark & {:#010x} == {:#010x} meta nfproto {proto} \
                 counter name \"class_{}\" {family} dscp set {}",
                mark.mask,
                mark.value,
                class.word(),
                class.dscp_name()
            )?;
        }
    }
    out.write_str("\t}\n")
}
