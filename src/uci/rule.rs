//! One rule: what happens to the flows it is about.

use super::Context;
use super::check::{Named, is_set_name};
use super::model::{Class, Globals, Mark, OwnSet, Rule, Verdict};
use super::section::{Reader, Refused};
use super::syntax::Text;
use super::what::{self, Groups};
use crate::json::Severity;
use crate::sorted::SortedMap;

/// Words of `action`.
const ACTIONS: &[(&str, Option<Verdict>)] =
    &[("reject", Some(Verdict::Reject)), ("drop", Some(Verdict::Drop)), ("allow", None)];
/// The longest name of a rule in names of sets: with `nfa.` and `.v4` they have 31 characters.
const ID_CHARS_MAX: usize = 20;
/// Routing tables that are the kernel's own (linux/rtnetlink.h): unspec, and compat to local.
const TABLES_OWN: [u32; 5] = [0, 252, 253, 254, 255];

/// What a rule may name.
pub(super) struct Known<'a> {
    pub globals: &'a Globals,
    pub groups: &'a Groups,
    /// `None`: a section that was refused.
    pub schedules: &'a SortedMap<String, Option<usize>>,
    pub interfaces: &'a SortedMap<String, String>,
    /// Sets by the name that rules use, and all of them.
    pub sets: &'a mut Named<OwnSet>,
    pub context: &'a Context<'a>,
}

/// Reads one.
pub(super) fn read(
    reader: &Reader<'_>,
    number: usize,
    known: &mut Known<'_>,
) -> Result<Rule, Refused> {
    let mut rule = Rule::default();
    // Every option is looked at, whatever becomes of the ones before.
    let parts = [
        name(reader, number, &mut rule),
        effects(reader, known, &mut rule),
        when(reader, known, &mut rule),
        what::criteria(reader, known.groups, known.context).map(|found| rule.criteria = found),
        what::exemptions(reader, "exemption", known.groups, known.context)
            .map(|found| rule.exemptions = found),
    ];
    if is_about_names(reader) && !rule.exemptions.iter().any(|one| one == LOOK_UPS) {
        rule.exemptions.push(LOOK_UPS.to_owned());
    }
    reader.unknown();
    parts.into_iter().collect::<Result<(), Refused>>()?;
    let does = rule.class.is_some()
        || rule.verdict.is_some()
        || rule.mark.is_some()
        || rule.log
        || rule.kill
        || rule.halt
        || !rule.sets.is_empty();
    if !does {
        let expected = "something to do: an action, class, set, mark, log or kill";
        return Err(reader.missing(None, expected));
    }
    Ok(rule)
}

/// A question for a name goes by the application whose name it is. Were it cut or remembered with
/// the rest, the name server would be: for every other name too.
const LOOK_UPS: &str = "protocol == 'dns';";

/// Whether a rule is about applications or categories alone. Who lists protocols or writes criteria
/// says himself whether questions are meant.
fn is_about_names(reader: &Reader<'_>) -> bool {
    let names = reader.has("application") || reader.has("category");
    names && !reader.has("protocol") && !reader.has("criteria")
}

fn name(reader: &Reader<'_>, number: usize, rule: &mut Rule) -> Result<(), Refused> {
    let text = reader.text("name");
    rule.name = match (text, reader.own_name()) {
        (Some(text), _) => text.text.clone(),
        (None, Some(own)) => own.to_owned(),
        (None, None) => format!("rule{number}"),
    };
    if let Some(text) = text.filter(|text| text.text.chars().any(char::is_control)) {
        return Err(reader.refuse("name", text, "a name of one line"));
    }
    rule.id = id(reader.own_name().unwrap_or(&rule.name), number);
    Ok(())
}

/// What nft, ipset and iptables take in a name.
fn id(name: &str, number: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let id: String = name.chars().map(plain).take(ID_CHARS_MAX).collect();
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("rule{number}") }
}

fn effects(reader: &Reader<'_>, known: &mut Known<'_>, rule: &mut Rule) -> Result<(), Refused> {
    let enabled = reader.flag("enabled", true);
    let action = reader.word("action", ACTIONS);
    let class = reader.word("class", Class::WORDS);
    let log = reader.flag("log", false);
    let mark = mark(reader, known.globals);
    let table = reader.number("table", 1, u32::MAX);
    let remember = reader.flag("remember", false);
    let halt = reader.flag("halt", action == Ok(Some(None)));
    let cuts = matches!(action, Ok(Some(Some(_))));
    // What is offloaded passes by the chains: only the end of its entry brings it back.
    let kill = reader.flag("kill", cuts && known.context.offload);
    let priority = reader.number("priority", 0, u32::MAX);
    let sets = sets(reader, known);
    rule.enabled = enabled?;
    rule.verdict = action?.flatten();
    (rule.class, rule.log, rule.mark, rule.table) = (class?, log?, mark?, table?);
    (rule.halt, rule.kill, rule.priority) = (halt?, kill?, priority?.unwrap_or(0));
    (rule.sets, rule.remember) = (sets?, remember?);
    if let Some(table) = rule.table {
        if TABLES_OWN.contains(&table) {
            reader.says(Severity::Error, Some("table"), "this table is the kernel's own");
            return Err(Refused);
        }
        if rule.mark.is_none() {
            return Err(reader.missing(Some("mark"), "the bits by which ip rule knows it"));
        }
        // The way of a connection cannot change once it has begun; the next ones' can.
        rule.remember = true;
    }
    if rule.remember && rule.marks(known.globals.marks).is_none() {
        let text = "there is nothing to remember: no action, class or mark";
        reader.says(Severity::Warning, Some("remember"), text);
        rule.remember = false;
    }
    Ok(())
}

/// `VALUE/MASK`.
fn mark(reader: &Reader<'_>, globals: &Globals) -> Result<Option<Mark>, Refused> {
    if !reader.has("mark") {
        return Ok(None);
    }
    let text = reader.text("mark").ok_or(Refused)?;
    let parts = text.text.split_once('/');
    let parts = parts.and_then(|(value, mask)| Some((number(value)?, number(mask)?)));
    let Some((value, mask)) = parts.filter(|(value, mask)| *mask != 0 && value & !mask == 0) else {
        let expected = "a value and a mask that holds it, such as \"0x100/0xff00\"";
        return Err(reader.refuse("mark", text, expected));
    };
    let ours = globals.marks.all();
    if mask & ours != 0 {
        let expected = format!("bits outside of nfa's own, {ours:#010x}");
        return Err(reader.refuse("mark", text, expected));
    }
    if value == 0 {
        return Err(reader.refuse("mark", text, "a value of one bit or more"));
    }
    Ok(Some(Mark { value, mask }))
}

/// A number of 32 bits, in hexadecimal digits behind `0x`, else in decimal ones.
pub(super) fn number(text: &str) -> Option<u32> {
    let plain = |digits: &str, hex: bool| {
        digits.bytes().all(|b| b.is_ascii_digit() || hex && b.is_ascii_hexdigit())
    };
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if plain(digits, true) => u32::from_str_radix(digits, 16).ok(),
        None if plain(text, false) => text.parse().ok(),
        _ => None,
    }
}

/// The sets it fills. One that no section describes is made with the defaults.
fn sets(reader: &Reader<'_>, known: &mut Known<'_>) -> Result<Vec<usize>, Refused> {
    let mut found = Vec::new();
    for text in reader.texts("set") {
        let number = match known.sets.get(&text.text) {
            Some(Some(number)) => number,
            Some(None) => return Err(reader.refuse("set", &text, "a set without mistakes")),
            None => undescribed(reader, &text, known)?,
        };
        if !found.contains(&number) {
            found.push(number);
        }
    }
    Ok(found)
}

fn undescribed(reader: &Reader<'_>, text: &Text, known: &mut Known<'_>) -> Result<usize, Refused> {
    if !is_set_name(&text.text) {
        let expected = "a name of at most 24 letters, digits, . _ and -".to_owned();
        return Err(reader.refuse_near("set", text, expected, known.sets.names()));
    }
    let set = OwnSet::plain(&text.text, known.globals);
    Ok(known.sets.add(&text.text, set))
}

fn when(reader: &Reader<'_>, known: &Known<'_>, rule: &mut Rule) -> Result<(), Refused> {
    for text in reader.texts("schedule") {
        match known.schedules.get(&text.text) {
            Some(Some(number)) => rule.schedules.push(*number),
            Some(None) => return Err(reader.refuse("schedule", &text, "one without mistakes")),
            None => {
                let names = known.schedules.keys().map(String::as_str);
                let expected = "the name of a schedule".to_owned();
                return Err(reader.refuse_near("schedule", &text, expected, names));
            }
        }
    }
    if let Some(text) = reader.text("interface") {
        let device = known.interfaces.get(&text.text);
        if device.is_none() && !matches!(text.text.as_str(), "*" | "lan" | "wan") {
            let names = known.interfaces.keys().map(String::as_str);
            let expected = "the name of an interface".to_owned();
            return Err(reader.refuse_near("interface", text, expected, names));
        }
        rule.interface = Some(device.unwrap_or(&text.text).clone());
    }
    Ok(())
}
