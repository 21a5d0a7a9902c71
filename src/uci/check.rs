//! From sections to a setup: globals first, then what rules name, then the rules.

use std::cell::RefCell;

use super::Context;
use super::finding::{Finding, Problem};
use super::model::{Exemption, Globals, Home, Marks, Match, OwnSet, Privacy, Schedule, Setup};
use super::records;
use super::rule::{self, Known, number};
use super::section::{Reader, Refused};
use super::syntax::{Section, Text};
use super::what::{self, Groups, Member};
use crate::config::INTERFACE_DEFAULT;
use crate::interface::Role;
use crate::json::Severity;
use crate::net::Network;
use crate::netlink::nftables::FEED_PACKETS_MAX;
use crate::policy::DAYS;
use crate::sorted::{SortedMap, SortedSet};
use crate::zone::Zone;

/// Types of sections.
const KINDS: &[&str] = &["globals", "interface", "rule", "group", "exemption", "schedule", "set"];
/// What a set is called in the kernel, before its family's suffix.
const PREFIX: &str = "nfa.";
/// ipset's names have 31 characters (linux/netfilter/ipset/ip_set.h): with prefix and suffix.
const SET_NAME_CHARS_MAX: usize = 24;
/// Longest life of an element, in seconds: a day.
const TIMEOUT_MAX: u32 = 86_400;
const TIMEOUT_DEFAULT: u32 = 3600;
/// Most elements of one set; routers have run out of memory over more.
const MAXELEM_MAX: u32 = 65_536;
const MAXELEM_DEFAULT: u32 = 4096;
const MARKS_DEFAULT: Marks = Marks { dscp: 0x0000_003f, state: 0x7f00_0000 };
const LOG_LIMIT_DEFAULT: &str = "10/minute";

/// What rules name: `None` stands for a section that was refused.
#[derive(Debug)]
pub(super) struct Named<T> {
    numbers: SortedMap<String, Option<usize>>,
    all: Vec<T>,
}

impl<T> Named<T> {
    pub fn get(&self, name: &str) -> Option<Option<usize>> {
        self.numbers.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }

    pub fn add(&mut self, name: &str, what: T) -> usize {
        let number = self.all.len();
        self.all.push(what);
        self.numbers.insert(name.to_owned(), Some(number));
        number
    }
}

/// Whether a set can be called so behind its prefix.
pub(super) fn is_set_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= SET_NAME_CHARS_MAX && name.chars().all(fits)
}

/// `None`: the globals are wrong.
pub(super) fn check(
    sections: &[Section],
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Setup> {
    let told = RefCell::new(std::mem::take(findings));
    let setup = check_all(sections, context, &told);
    *findings = told.into_inner();
    setup
}

fn check_all(
    sections: &[Section],
    context: &Context<'_>,
    told: &RefCell<Vec<Finding>>,
) -> Option<Setup> {
    let of = |kind: &'static str| {
        let these = sections.iter().filter(move |section| section.kind == kind);
        these.enumerate().map(|(number, section)| Reader::new(section, number, told))
    };
    unknown_sections(sections, told);
    let mut all_globals = of("globals");
    let empty = Section { kind: "globals".into(), name: None, line: 1, options: Vec::new() };
    let first = all_globals.next().unwrap_or_else(|| Reader::new(&empty, 0, told));
    let globals = globals(&first, context);
    for again in all_globals {
        again.says(Severity::Warning, None, "a second section of globals, ignored");
    }

    let mut interfaces: Vec<(String, Role, Option<u32>)> = Vec::new();
    let mut devices = SortedMap::new();
    for reader in of("interface") {
        if let Ok((name, device, role, feed, enabled)) = interface(&reader, context) {
            devices.insert(name, device.clone());
            if enabled && !interfaces.iter().any(|(known, ..)| *known == device) {
                interfaces.push((device, role, feed));
            }
        }
    }
    let groups = groups(of("group"), context);
    let schedules = schedules(of("schedule"));
    let exemptions = of("exemption").flat_map(|reader| {
        let found = exemption(&reader, &groups, context);
        found.unwrap_or_default().into_iter().map(Exemption)
    });
    let exemptions = exemptions.collect();
    // Without globals the rest is read all the same, so that its mistakes are known.
    let assumed = globals.clone().unwrap_or_else(|Refused| plain_globals(context));
    let mut sets = own_sets(of("set"), &assumed);
    let mut known = Known {
        globals: &assumed,
        groups: &groups,
        schedules: &schedules.numbers,
        interfaces: &devices,
        sets: &mut sets,
        context,
    };
    let mut rules = Vec::new();
    let (mut names, mut ids) = (SortedSet::new(), SortedSet::new());
    for (number, reader) in of("rule").enumerate() {
        if let Ok(mut rule) = rule::read(&reader, number, &mut known) {
            rule.name = unique(&rule.name, " ", &mut names);
            rule.id = unique(&rule.id, "_", &mut ids);
            rules.push(rule);
        }
    }
    let (schedules, sets) = (schedules.all, sets.all);
    Some(Setup { globals: globals.ok()?, interfaces, exemptions, schedules, sets, rules })
}

/// With a number behind it, if others are called so.
fn unique(name: &str, between: &str, taken: &mut SortedSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}{between}{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let name = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

fn unknown_sections(sections: &[Section], told: &RefCell<Vec<Finding>>) {
    for section in sections.iter().filter(|section| !KINDS.contains(&section.kind.as_str())) {
        let nearest = crate::spelling::nearest(&section.kind, KINDS.iter().copied());
        told.borrow_mut().push(Finding {
            severity: Severity::Warning,
            line: section.line,
            section: String::new(),
            option: None,
            problem: Problem::UnknownSection { kind: section.kind.clone(), nearest },
        });
    }
}

fn plain_globals(context: &Context<'_>) -> Globals {
    Globals {
        enabled: false,
        backend: context.backend,
        flows_max: None,
        timezone: None,
        adopt: true,
        timeout: TIMEOUT_DEFAULT,
        maxelem: MAXELEM_DEFAULT,
        marks: MARKS_DEFAULT,
        log_limit: LOG_LIMIT_DEFAULT.to_owned(),
        local_networks: Vec::new(),
        telemetry: None,
        privacy: Privacy::default(),
    }
}

fn globals(reader: &Reader<'_>, context: &Context<'_>) -> Result<Globals, Refused> {
    use super::model::Backend;
    let auto = [("auto", context.backend)];
    let backends: Vec<(&str, Backend)> = auto.iter().chain(Backend::WORDS).copied().collect();
    // Read all before the first refusal ends it.
    let enabled = reader.flag("enabled", false);
    let backend = reader.word("backend", &backends);
    let flows_max = reader.number("flows_max", 16, 1 << 20);
    let timezone = timezone(reader);
    let adopt = reader.flag("adopt", true);
    let timeout = reader.number("timeout", 30, TIMEOUT_MAX);
    let maxelem = reader.number("maxelem", 16, MAXELEM_MAX);
    let dscp = mask(reader, "dscp_mask", MARKS_DEFAULT.dscp, 6);
    let state = mask(reader, "mark_mask", MARKS_DEFAULT.state, 4);
    let log_limit = log_limit(reader);
    let telemetry = records::telemetry(reader);
    let privacy = records::privacy(reader);
    let local_networks: Result<Vec<String>, Refused> = reader
        .texts("local_network")
        .iter()
        .map(|text| {
            let expected = "a network such as \"2001:db8::/56\"";
            let network: Network = reader.parsed("local_network", text, expected)?;
            Ok(network.to_string())
        })
        .collect();
    reader.unknown();
    let marks = Marks { dscp: dscp?, state: state? };
    if marks.dscp & marks.state != 0 {
        let text = "the masks of DSCP and state have bits in common";
        reader.says(Severity::Error, Some("mark_mask"), text);
        return Err(Refused);
    }
    Ok(Globals {
        enabled: enabled?,
        backend: backend?.unwrap_or(context.backend),
        flows_max: flows_max?,
        timezone: timezone?,
        adopt: adopt?,
        timeout: timeout?.unwrap_or(TIMEOUT_DEFAULT),
        maxelem: maxelem?.unwrap_or(MAXELEM_DEFAULT),
        marks,
        log_limit: log_limit?,
        local_networks: local_networks?,
        telemetry: telemetry?,
        privacy: privacy?,
    })
}

fn timezone(reader: &Reader<'_>) -> Result<Option<String>, Refused> {
    let Some(text) = reader.text("timezone") else { return Ok(None) };
    match Zone::find(&text.text) {
        Ok(_) => Ok(Some(text.text.clone())),
        Err(error) => {
            let expected = format!("a zone such as \"Europe/Rome\" ({error})");
            Err(reader.refuse("timezone", text, expected))
        }
    }
}

/// Bits side by side, at least so many.
fn mask(reader: &Reader<'_>, name: &'static str, default: u32, least: u32) -> Result<u32, Refused> {
    if !reader.has(name) {
        return Ok(default);
    }
    let text = reader.text(name).ok_or(Refused)?;
    let bits = number(&text.text).filter(|bits| {
        let low = bits.checked_shr(bits.trailing_zeros()).unwrap_or(0);
        let together = low.checked_add(1).is_none_or(u32::is_power_of_two);
        let enough = bits.count_ones() >= least && (least != 6 || bits.count_ones() == 6);
        together && enough
    });
    bits.ok_or_else(|| {
        let most = if least == 6 { "" } else { " or more" };
        let expected = format!("{least}{most} bits side by side, such as \"{default:#x}\"");
        reader.refuse(name, text, expected)
    })
}

fn log_limit(reader: &Reader<'_>) -> Result<String, Refused> {
    let Some(text) = reader.text("log_limit") else { return Ok(LOG_LIMIT_DEFAULT.to_owned()) };
    let parts = text.text.split_once('/');
    let fits = parts.is_some_and(|(count, unit)| {
        let count = number(count).is_some_and(|count| (1..=10_000).contains(&count));
        count && ["second", "minute", "hour", "day"].contains(&unit)
    });
    if fits {
        Ok(text.text.clone())
    } else {
        Err(reader.refuse("log_limit", text, "a rate such as \"10/minute\""))
    }
}

/// Logical name, device, role, packets that its rule is to hand on, and whether it is captured.
fn interface(
    reader: &Reader<'_>,
    context: &Context<'_>,
) -> Result<(String, String, Role, Option<u32>, bool), Refused> {
    let role = reader.word("role", Role::WORDS);
    let enabled = reader.flag("enabled", true);
    let feed = reader.number("feed", 1, FEED_PACKETS_MAX);
    let text = reader.text("name");
    let name = text.map(|text| text.text.as_str()).or(reader.own_name());
    reader.unknown();
    let Some(name) = name else { return Err(reader.missing(Some("name"), "such as \"lan\"")) };
    if let Some(text) = reader.text("feed")
        && name.strip_prefix("nflog:").is_none_or(|group| group.parse::<u16>().is_err())
    {
        let expected = "none, but for an interface whose name is \"nflog:GROUP\"";
        return Err(reader.refuse("feed", text, expected));
    }
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
    if let Some(text) = text.filter(|text| !text.text.chars().all(fits)) {
        return Err(reader.refuse("name", text, "the name of an interface or a device"));
    }
    let known = context.devices.iter().find(|(logical, _)| logical == name);
    let device = match known {
        Some((_, device)) => device.clone(),
        // Where nothing tells the device, OpenWrt's own name for it.
        None if name == "lan" => INTERFACE_DEFAULT.to_owned(),
        None => name.to_owned(),
    };
    Ok((name.to_owned(), device, role?.unwrap_or(Role::Lan), feed?, enabled?))
}

fn groups<'r>(readers: impl Iterator<Item = Reader<'r>>, context: &Context<'_>) -> Groups {
    let mut groups = Groups::new();
    for reader in readers {
        let text = reader.text("name");
        let name = text.map(|text| text.text.as_str()).or(reader.own_name());
        let members: Result<Vec<Member>, Refused> = reader
            .texts("member")
            .iter()
            .map(|text| Member::read(&reader, "member", text, context))
            .collect();
        reader.unknown();
        match (name, members) {
            (None, _) => {
                reader.missing(Some("name"), "the name by which rules know it");
            }
            (Some(name), Ok(members)) if !members.is_empty() => {
                groups.insert(name.to_owned(), Some(members));
            }
            (Some(name), found) => {
                if found.is_ok() {
                    reader.missing(Some("member"), "a hardware address, an address or a network");
                }
                groups.insert(name.to_owned(), None);
            }
        }
    }
    groups
}

fn schedules<'r>(readers: impl Iterator<Item = Reader<'r>>) -> Named<Schedule> {
    let mut named = Named { numbers: SortedMap::new(), all: Vec::new() };
    for reader in readers {
        let text = reader.text("name");
        let Some(name) = text.map(|text| text.text.as_str()).or(reader.own_name()) else {
            reader.missing(Some("name"), "the name by which rules know it");
            continue;
        };
        match schedule(&reader, name) {
            Ok(schedule) => {
                named.add(name, schedule);
            }
            Err(Refused) => {
                named.numbers.insert_new(name.to_owned(), || None);
            }
        }
        reader.unknown();
    }
    named
}

fn schedule(reader: &Reader<'_>, name: &str) -> Result<Schedule, Refused> {
    let mut days = Vec::new();
    let mut refused = false;
    for text in reader.texts("day") {
        let short = text.text.to_ascii_lowercase();
        let known = DAYS.iter().find(|day| {
            short.len() >= 3
                && DAY_NAMES
                    .iter()
                    .any(|long| long.starts_with(*day) && long.starts_with(short.as_str()))
        });
        match known {
            Some(day) if !days.contains(day) => days.push(*day),
            Some(_) => {}
            None => {
                let expected = "a day such as \"mon\"".to_owned();
                reader.refuse_near("day", &text, expected, DAYS.into_iter());
                refused = true;
            }
        }
    }
    let start = time(reader, "start", "00:00", 23 * 60 + 59);
    let end = time(reader, "end", "24:00", 24 * 60);
    let inverse = reader.flag("inverse", false)?;
    if refused {
        return Err(Refused);
    }
    Ok(Schedule { name: name.to_owned(), days, start: start?, end: end?, inverse })
}

/// In full, as some write them.
const DAY_NAMES: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

fn time(
    reader: &Reader<'_>,
    name: &'static str,
    default: &str,
    most: u32,
) -> Result<String, Refused> {
    if !reader.has(name) {
        return Ok(default.to_owned());
    }
    let text = reader.text(name).ok_or(Refused)?;
    let parts = text
        .text
        .split_once(':')
        .filter(|(hours, minutes)| (1..=2).contains(&hours.len()) && minutes.len() == 2);
    let parts = parts.and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)));
    let fits = |(hours, minutes): &(u32, u32)| {
        *minutes < 60 && hours.saturating_mul(60).saturating_add(*minutes) <= most
    };
    match parts.filter(fits) {
        Some((hours, minutes)) => Ok(format!("{hours:02}:{minutes:02}")),
        None => Err(reader.refuse(name, text, "a time such as \"21:00\"")),
    }
}

fn exemption(
    reader: &Reader<'_>,
    groups: &Groups,
    context: &Context<'_>,
) -> Result<Vec<String>, Refused> {
    let enabled = reader.flag("enabled", true);
    reader.text("name");
    let found = what::whole_exemption(reader, groups, context);
    reader.unknown();
    if enabled? { found } else { Ok(Vec::new()) }
}

fn own_sets<'r>(readers: impl Iterator<Item = Reader<'r>>, globals: &Globals) -> Named<OwnSet> {
    let mut named = Named { numbers: SortedMap::new(), all: Vec::new() };
    for reader in readers {
        let text = reader.text("name").cloned();
        let own = reader.own_name().map(|name| Text { text: name.to_owned(), line: reader.line() });
        let Some(name) = text.or(own) else {
            reader.missing(Some("name"), "the name by which rules know it");
            continue;
        };
        let set = own_set(&reader, &name, globals);
        reader.unknown();
        match set {
            Ok(_) if named.get(&name.text).is_some() => {
                reader.refuse("name", &name, "a name that no other set has");
            }
            Ok(set) => {
                named.add(&name.text, set);
            }
            Err(Refused) => {
                named.numbers.insert_new(name.text, || None);
            }
        }
    }
    named
}

const FAMILIES: &[(&str, &str)] = &[("any", "*"), ("*", "*"), ("ipv4", "ipv4"), ("ipv6", "ipv6")];

impl OwnSet {
    /// As one is that no section describes.
    pub(super) fn plain(name: &str, globals: &Globals) -> OwnSet {
        let nft = globals.backend.has_nft().then(|| Home::Nft("fw4".to_owned()));
        let ipset = globals.backend.has_ipset().then_some(Home::Ipset);
        OwnSet {
            name: format!("{PREFIX}{name}"),
            key: Match::Other,
            family: "*",
            timeout: globals.timeout,
            maxelem: globals.maxelem,
            homes: nft.into_iter().chain(ipset).collect(),
        }
    }
}

/// Written as firewall4 takes it: one option, or a list of the fields.
fn key(reader: &Reader<'_>) -> Result<Option<Match>, Refused> {
    let fields = reader.texts("match");
    let Some(line) = fields.first().map(|field| field.line) else { return Ok(None) };
    let words: Vec<&str> = fields.iter().map(|field| field.text.as_str()).collect();
    let text = Text { text: words.join(" "), line };
    reader.word_of("match", &text, Match::WORDS).map(Some)
}

fn own_set(reader: &Reader<'_>, name: &Text, globals: &Globals) -> Result<OwnSet, Refused> {
    let key = key(reader);
    let family = reader.word("family", FAMILIES);
    let timeout = reader.number("timeout", 30, TIMEOUT_MAX);
    let maxelem = reader.number("maxelem", 16, MAXELEM_MAX);
    let table = reader.text("table");
    if !is_set_name(&name.text) {
        let expected = "a name of at most 24 letters, digits, . _ and -";
        return Err(reader.refuse("name", name, expected));
    }
    if let Some(text) = table.filter(|text| !is_set_name(&text.text)) {
        return Err(reader.refuse("table", text, "the name of a table of family inet"));
    }
    let mut set = OwnSet::plain(&name.text, globals);
    set.key = key?.unwrap_or(set.key);
    set.family = family?.unwrap_or(set.family);
    set.timeout = timeout?.unwrap_or(set.timeout);
    set.maxelem = maxelem?.unwrap_or(set.maxelem);
    for home in &mut set.homes {
        if let (Home::Nft(name), Some(table)) = (home, table) {
            name.clone_from(&table.text);
        }
    }
    if set.key.ipset().is_none() && set.homes.contains(&Home::Ipset) {
        let text = "ipset has no such key; only nft keeps it";
        reader.says(Severity::Warning, Some("match"), text);
        set.homes.retain(|home| *home != Home::Ipset);
    }
    Ok(set)
}
