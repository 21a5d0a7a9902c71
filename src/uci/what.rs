//! Which flows a section is about: applications, protocols, categories, own criteria on one side,
//! devices and groups on the other.

use super::Context;
use super::finding::Problem;
use super::section::{Reader, Refused};
use super::syntax::Text;
use crate::criteria::{self, Compiled, Names, Vocabulary};
use crate::json::Severity;
use crate::net::{Mac, Network};
use crate::policy::{Vocabularies, protocols, schema};
use crate::sorted::SortedMap;
use crate::spelling::Nearest;

/// Someone on the LAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Member {
    /// By hardware address.
    Mac(Mac),
    /// By address or network.
    Network(Network),
    /// Those of a file of addresses.
    File(String),
}

/// The groups of a file, by name. `None`: one that was refused.
pub(super) type Groups = SortedMap<String, Option<Vec<Member>>>;

impl Member {
    /// A test of the LAN's end.
    fn local(&self) -> String {
        match self {
            Member::Mac(mac) => format!("local_mac == {mac}"),
            Member::Network(network) => format!("local_ip == {network}"),
            Member::File(tag) => format!("local_ip == @{tag} || local_mac == @{tag}"),
        }
    }

    /// An exemption of either end.
    pub fn either(&self) -> String {
        match self {
            Member::Mac(mac) => mac.to_string(),
            Member::Network(network) => network.to_string(),
            Member::File(tag) => format!("@{tag}"),
        }
    }

    /// Reads `00:11:22:33:44:55`, an address, a network, or `@TAG` of a file of addresses.
    pub fn read(
        reader: &Reader<'_>,
        option: &'static str,
        text: &Text,
        context: &Context<'_>,
    ) -> Result<Self, Refused> {
        if let Some(tag) = text.text.strip_prefix('@') {
            let known = context.lists.groups.get(tag).is_some();
            return if known {
                Ok(Member::File(tag.to_owned()))
            } else {
                let expected = "the file of a group of addresses".to_owned();
                Err(reader.refuse_near(option, text, expected, context.lists.groups.tags()))
            };
        }
        let mac = text.text.parse().map(Member::Mac);
        mac.or_else(|_| text.text.parse().map(Member::Network)).map_err(|_| {
            let expected = "a hardware address, an IP address or a network";
            reader.refuse(option, text, expected)
        })
    }
}

/// The names in a list, each as a test; those that nobody knows are told and left out.
fn names(reader: &Reader<'_>, context: &Context<'_>) -> Vec<String> {
    let vocabularies = Vocabularies { catalogue: context.catalogue, lists: context.lists };
    let mut tests = Vec::new();
    for text in reader.texts("application") {
        let found = context.catalogue.resolve(&text.text);
        match found.and_then(|id| context.catalogue.app(id)) {
            Some(app) => tests.push(format!("app == '{}'", app.tag)),
            None => {
                let mut nearest = Nearest::new(&text.text);
                for app in context.catalogue.iter().filter(|_| reader.suggests()) {
                    nearest.consider(app.short_name(), app.short_name());
                }
                let expected = "an application (nfa apps lists them)".to_owned();
                reader.refuse_with("application", &text, expected, nearest.found());
            }
        }
    }
    for text in reader.texts("protocol") {
        match protocols().find(|known| known.name.eq_ignore_ascii_case(&text.text)) {
            Some(known) => tests.push(format!("protocol == '{}'", known.name.to_lowercase())),
            None => {
                let known = protocols().map(|protocol| protocol.name);
                let expected = "a protocol (nfa protocols lists them)".to_owned();
                reader.refuse_near("protocol", &text, expected, known);
            }
        }
    }
    for text in reader.texts("category") {
        let (mut found, mut nearest) = (None, Nearest::new(&text.text));
        vocabularies.each(Vocabulary::Category, &mut |tag, _| {
            if found.is_none() && tag.eq_ignore_ascii_case(&text.text) {
                found = Some(tag.to_owned());
            }
            if reader.suggests() {
                nearest.consider(tag, tag);
            }
        });
        match found {
            Some(tag) => tests.push(format!("category == '{tag}'")),
            None => {
                let expected = "a category (nfa categories lists them)".to_owned();
                reader.refuse_with("category", &text, expected, nearest.found());
            }
        }
    }
    tests
}

/// Everyone that the lists `device` and `group` name. One that is not understood refuses all: what
/// is left would be about more flows, or fewer, than was meant.
pub(super) fn people(
    reader: &Reader<'_>,
    groups: &Groups,
    context: &Context<'_>,
) -> Result<Vec<Member>, Refused> {
    let mut members = Vec::new();
    let mut refused = false;
    for text in reader.texts("device") {
        match Member::read(reader, "device", &text, context) {
            Ok(member) => members.push(member),
            Err(Refused) => refused = true,
        }
    }
    for text in reader.texts("group") {
        match groups.get(&text.text) {
            Some(Some(known)) => members.extend(known.iter().cloned()),
            Some(None) => {
                reader.refuse("group", &text, "a group without mistakes");
                refused = true;
            }
            None => {
                let names = groups.keys().map(String::as_str);
                reader.refuse_near("group", &text, "the name of a group".to_owned(), names);
                refused = true;
            }
        }
    }
    if refused { Err(Refused) } else { Ok(members) }
}

/// The criteria of a rule: each is an alternative.
pub(super) fn criteria(
    reader: &Reader<'_>,
    groups: &Groups,
    context: &Context<'_>,
) -> Result<Vec<String>, Refused> {
    let mut names = names(reader, context);
    let own = reader.whole_texts("criteria");
    let wanted = ["application", "protocol", "category"].iter().any(|name| reader.has(name));
    let people = people(reader, groups, context)?;
    if wanted && names.is_empty() && own.is_empty() {
        reader.says(Severity::Error, None, "nothing is left of what it is about");
        return Err(Refused);
    }
    let who: Vec<String> = people.iter().map(Member::local).collect();
    let who = who.join(" || ");
    let with_who = |what: &str| match who.as_str() {
        "" => what.to_owned(),
        who => format!("({what}) && ({who})"),
    };
    let mut texts = Vec::new();
    if !names.is_empty() {
        names.dedup();
        texts.push((format!("{};", with_who(&names.join(" || "))), None));
    }
    for text in own {
        compiles(reader, "criteria", text.line, &text.text, context, criteria::compile)?;
        if text.text.trim() == "*" && !who.is_empty() {
            texts.push((format!("{who};"), Some(text.line)));
        } else if who.is_empty() {
            texts.push((text.text.clone(), Some(text.line)));
        } else {
            let plain = text.text.trim().trim_end_matches(';');
            texts.push((format!("{};", with_who(plain)), Some(text.line)));
        }
    }
    if texts.is_empty() {
        if who.is_empty() {
            let expected = "an application, protocol, category, criteria, device or group";
            return Err(reader.missing(None, expected));
        }
        texts.push((format!("{who};"), None));
    }
    let mut made = Vec::new();
    for (text, line) in texts {
        // Put together it may be too long, or of a form that takes no company.
        if line.is_none() || !who.is_empty() {
            let line = line.unwrap_or(reader.line());
            compiles(reader, "criteria", line, &text, context, criteria::compile)?;
        }
        made.push(text);
    }
    Ok(made)
}

type Compile = fn(&str, &criteria::Schema, &dyn Names) -> Compiled;

/// Whether a text can be criteria. What is wrong or doubtful is told.
fn compiles(
    reader: &Reader<'_>,
    option: &'static str,
    line: usize,
    text: &str,
    context: &Context<'_>,
    compile: Compile,
) -> Result<(), Refused> {
    let vocabularies = Vocabularies { catalogue: context.catalogue, lists: context.lists };
    let compiled = compile(text, schema(), &vocabularies);
    let told = |severity, error: criteria::Error| {
        reader.tell(severity, line, Some(option), Problem::Criteria(Box::new(error)));
    };
    let warnings = compiled.warnings.into_iter();
    warnings.for_each(|warning| told(Severity::Warning, warning));
    match compiled.criteria {
        Ok(_) => Ok(()),
        Err(errors) => {
            errors.into_iter().for_each(|error| told(Severity::Error, error));
            Err(Refused)
        }
    }
}

/// The entries of a list of exemptions: hardware address, address, network, group, or criteria.
/// One that is not understood refuses all: a rule without it would be about too much.
pub(super) fn exemptions(
    reader: &Reader<'_>,
    option: &'static str,
    groups: &Groups,
    context: &Context<'_>,
) -> Result<Vec<String>, Refused> {
    let (mut found, mut refused) = (Vec::new(), false);
    for text in reader.whole_texts(option) {
        if let Some(group) = groups.get(&text.text) {
            if group.is_none() {
                reader.refuse(option, text, "a group without mistakes");
            }
            refused |= group.is_none();
            found.extend(group.iter().flatten().map(Member::either));
            continue;
        }
        let looks_like_criteria = text.text.contains(['=', ';', ' ']);
        if !looks_like_criteria && Member::read(reader, option, text, context).is_err() {
            refused = true;
            continue;
        }
        let compile = criteria::compile_exemption;
        if compiles(reader, option, text.line, &text.text, context, compile).is_ok() {
            found.push(text.text.clone());
        } else {
            refused = true;
        }
    }
    if refused { Err(Refused) } else { Ok(found) }
}

/// The exemptions of a section of that kind: whatever it names, of whoever it names.
pub(super) fn whole_exemption(
    reader: &Reader<'_>,
    groups: &Groups,
    context: &Context<'_>,
) -> Result<Vec<String>, Refused> {
    let mut found = exemptions(reader, "match", groups, context)?;
    let about = ["application", "protocol", "category", "criteria"];
    if about.iter().any(|name| reader.has(name)) {
        found.extend(criteria(reader, groups, context)?);
    } else {
        found.extend(people(reader, groups, context)?.iter().map(Member::either));
    }
    if found.is_empty() && !reader.has("match") {
        let expected = "a match, device, group, application, protocol, category or criteria";
        return Err(reader.missing(None, expected));
    }
    for text in &found {
        let compile = criteria::compile_exemption;
        compiles(reader, "match", reader.line(), text, context, compile)?;
    }
    Ok(found)
}
