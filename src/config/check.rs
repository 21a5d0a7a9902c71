//! From a JSON value to a checked configuration.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::{Bittorrent, Config, NamedTarget, Problem, Severity, schedule, telemetry};
use crate::app::Catalogue;
use crate::criteria::{self, Compiled, Criteria};
use crate::interface::{Interface, InterfaceFilter, Role};
use crate::json::{self, Object};
use crate::lists::Lists;
use crate::net::Network;
use crate::netlink::nftables::{FEED_PACKETS_MAX, Feed};
use crate::policy::{Action, Policy, Vocabularies, schema};
use crate::privacy::{Privacy, Treatment};
use crate::sorted::SortedMap;
use crate::spelling;
use crate::swarm::Infer;
use crate::target::{self, Context, LabelNames, Sets, Streams};
use crate::zone::Zone;

/// The only version of the format there is.
const VERSION: u64 = 1;
/// Target kinds of the format that this version lacks.
const KINDS_TO_COME: &[&str] = &["pftable"];
/// Most flows a table may be made for.
const FLOWS_MOST: u64 = 1 << 20;
/// Most BitTorrent endpoints a table may be made for: 50 MB.
const ENDPOINTS_MOST: u64 = 1 << 20;

/// The key of the folder of address groups.
pub(super) const ADDRESS_GROUPS: &str = "address_groups";
/// The key of the folder of category lists.
pub(super) const CATEGORY_LISTS: &str = "category_lists";

type Found = (Severity, String, Problem);

/// What an action finds under the name of a target.
enum Slot {
    /// The target of that number.
    Live(usize),
    /// Nothing to fire, and why.
    Idle(&'static str),
}

struct Check<'a> {
    vocabularies: Vocabularies<'a>,
    values: &'a RefCell<Vec<json::Finding>>,
    found: Vec<Found>,
    config: Config,
    /// A few: each is written out by the owner.
    targets: SortedMap<&'a str, Slot>,
}

/// Checks `root`, an object.
pub(super) fn check(root: &Value, catalogue: &Catalogue, lists: Lists) -> (Config, Vec<Found>) {
    let values = RefCell::default();
    let mut check = Check {
        vocabularies: Vocabularies { catalogue, lists: &lists },
        values: &values,
        found: Vec::new(),
        config: Config::default(),
        targets: SortedMap::new(),
    };
    if let Some(object) = Object::read(root, "", &values) {
        check.read(&object);
    }
    let Check { mut found, config, .. } = check;
    let config = Config { lists, ..config };
    let values = values.into_inner().into_iter();
    found.extend(values.map(|v| (v.severity, v.path, Problem::Value(v.problem))));
    (config, found)
}

impl<'a> Check<'a> {
    fn read(&mut self, root: &Object<'a>) {
        root.value("$schema"); // for editors
        root.number("version", VERSION, VERSION);
        let defaults = self.object_at(root, "target_defaults");
        let labels = self.globals(root);
        for (name, target) in root.members("targets") {
            let slot = self.target(target, name, defaults, &labels);
            self.targets.insert(name, slot);
        }
        self.unknown_defaults(root, defaults);
        let exemptions = self.exemptions(root);
        let mut actions: Vec<(u64, Action)> = Vec::new();
        for (name, object) in root.members("actions") {
            let priority = object.number("priority", 0, u64::from(u32::MAX)).unwrap_or(0);
            actions.extend(self.action(&object, name).map(|action| (priority, action)));
            object.report_unknown_keys();
        }
        // A stable sort: ties stay in document order.
        actions.sort_by_key(|(priority, _)| *priority);
        let actions = actions.into_iter().map(|(_, action)| action).collect();
        self.config.policy = Policy { exemptions, actions };
        self.config.reprocess_flows = root.flag("reprocess_flows", true);
        self.config.zone = zone(root);
        self.interfaces(root);
        // They were read before: criteria are about what they hold.
        root.text(ADDRESS_GROUPS);
        root.text(CATEGORY_LISTS);
        self.config.bittorrent = root.child("bittorrent").map(bittorrent).unwrap_or_default();
        self.config.privacy = privacy(root);
        self.config.telemetry = telemetry::read(root, &mut self.config.streams);
        self.config.flows_max = root
            .number("flows_max", 16, FLOWS_MOST)
            .and_then(|flows_max| usize::try_from(flows_max).ok());
        root.report_unknown_keys();
    }

    fn globals(&mut self, root: &Object<'a>) -> LabelNames {
        let Some(globals) = root.child("target_globals") else { return LabelNames::read(None) };
        self.config.adopts = globals.flag("adopt", false);
        let labels = LabelNames::read(globals.child("ctlabel"));
        globals.report_unknown_keys();
        labels
    }

    fn object_at(&self, root: &Object<'a>, key: &'static str) -> Option<&'a Map<String, Value>> {
        let (value, path) = root.value(key)?;
        Object::read(value, &path, self.values)?;
        value.as_object()
    }

    /// Defaults are read through the targets that use them; here only what no target could use.
    fn unknown_defaults(&self, root: &Object<'a>, defaults: Option<&'a Map<String, Value>>) {
        for key in defaults.into_iter().flat_map(Map::keys) {
            if target::kind(key).is_none() && !KINDS_TO_COME.contains(&key.as_str()) {
                let path = json::join(&root.path_of("target_defaults"), key);
                let known = target::KINDS.iter().map(|kind| kind.name);
                let nearest = spelling::nearest(key, known);
                root.report(Severity::Warning, path, json::Problem::UnknownKey { nearest });
            }
        }
    }

    fn target(
        &mut self,
        object: Object<'a>,
        name: &str,
        defaults: Option<&'a Map<String, Value>>,
        labels: &LabelNames,
    ) -> Slot {
        let Some(word) = object.text("target_type") else {
            if object.value("target_type").is_none() {
                object.missing("target_type", "the kind of the target, such as \"ipset\"");
            }
            return Slot::Idle("was refused");
        };
        let Some(kind) = target::kind(word) else {
            if KINDS_TO_COME.contains(&word) {
                self.not_yet(object.path_of("target_type"), format!("target_type \"{word}\""));
                return Slot::Idle("is not supported yet");
            }
            let kinds: Vec<String> =
                target::KINDS.iter().map(|kind| format!("\"{}\"", kind.name)).collect();
            object.unexpected("target_type", kinds.join(" or "), &format!("\"{word}\""));
            return Slot::Idle("was refused");
        };
        let of_kind = defaults.and_then(|defaults| defaults.get(kind.name));
        let path = json::join("/target_defaults", kind.name);
        let of_kind = of_kind.and_then(|value| {
            Object::read(value, &path, self.values)?;
            value.as_object()
        });
        let object = object.with_defaults(of_kind, &path);
        let enabled = object.flag("target_enabled", true);
        // A target that is off is read all the same, so that its mistakes are known; its sets are
        // not wanted.
        let mut unused = Sets::default();
        let sets = if enabled { &mut self.config.sets } else { &mut unused };
        let mut unused = Streams::default();
        let streams = if enabled { &mut self.config.streams } else { &mut unused };
        let parsed = (kind.parse)(&object, &mut Context { sets, streams, labels });
        object.report_unknown_keys();
        match parsed {
            Some(kind) if enabled => {
                self.config.targets.push(NamedTarget { name: name.to_owned(), kind });
                Slot::Live(self.config.targets.len().saturating_sub(1))
            }
            Some(_) => Slot::Idle("is disabled"),
            None => Slot::Idle("was refused"),
        }
    }

    fn action(&mut self, object: &Object<'a>, name: &str) -> Option<Action> {
        let enabled = object.flag("enabled", true);
        let interface = object.text("interface").map(InterfaceFilter::parse).unwrap_or_default();
        let halt_on_match = object.flag("halt_on_match", false);
        let exemptions = self.exemptions(object);
        let targets = self.targets_of(object);
        let schedule = schedule::read(object);
        let criteria = self.criteria(object)?;
        Some(Action {
            name: name.to_owned(),
            enabled,
            schedule: schedule?,
            interface,
            criteria,
            exemptions,
            targets,
            halt_on_match,
        })
    }

    fn criteria(&mut self, object: &Object<'a>) -> Option<Criteria> {
        let (value, path) = match object.value("criteria") {
            Some(found) => found,
            None => {
                object.missing("criteria", "an expression such as \"protocol == 'bittorrent';\"");
                return None;
            }
        };
        let (one, list) = ("an expression as a text", "an expression as a text, or a list of them");
        let texts = object.texts_such_as("criteria", one, list);
        let written = if let Value::Array(items) = value { items.len() } else { 1 };
        if written != texts.len() {
            return None; // a value of another type was reported
        }
        let (texts, paths): (Vec<&str>, Vec<String>) = texts.into_iter().unzip();
        let compiled = criteria::compile_any(&texts, schema(), &self.vocabularies);
        self.compiled(compiled, |member| paths.get(member).unwrap_or(&path).clone())
    }

    /// One bad exemption is refused alone. Without it the action covers more than was wanted, so
    /// it is an error, which the exit status of `nfa check` shows.
    fn exemptions(&mut self, object: &Object<'a>) -> Vec<Criteria> {
        let one = "a text such as \"192.168.1.1\" or \"app == 'youtube';\"";
        let entries = object.texts_such_as("exemptions", one, "a list of texts");
        entries
            .into_iter()
            .filter_map(|(text, path)| {
                let compiled = criteria::compile_exemption(text, schema(), &self.vocabularies);
                self.compiled(compiled, |_| path.clone())
            })
            .collect()
    }

    fn compiled(&mut self, compiled: Compiled, path: impl Fn(usize) -> String) -> Option<Criteria> {
        let mut note = |severity, error: criteria::Error| {
            self.found.push((severity, path(error.member), Problem::Criteria(Box::new(error))));
        };
        compiled.warnings.into_iter().for_each(|warning| note(Severity::Warning, warning));
        match compiled.criteria {
            Ok(criteria) => Some(criteria),
            Err(errors) => {
                errors.into_iter().for_each(|error| note(Severity::Error, error));
                None
            }
        }
    }

    fn targets_of(&mut self, object: &Object<'a>) -> Vec<usize> {
        let mut live = Vec::new();
        for (name, path) in object.texts("targets") {
            let problem = match self.targets.get(name) {
                Some(Slot::Live(number)) => {
                    live.push(*number);
                    continue;
                }
                Some(Slot::Idle(reason)) => Problem::IdleTarget { name: name.to_owned(), reason },
                None => {
                    let nearest = spelling::nearest(name, self.targets.keys().copied());
                    Problem::UnknownTarget { name: name.to_owned(), nearest }
                }
            };
            self.found.push((Severity::Warning, path, problem));
        }
        live
    }

    fn interfaces(&mut self, root: &Object<'a>) {
        for (name, object) in root.members("interfaces") {
            let role = match object.value("role") {
                None => Some(Role::Lan),
                Some(_) => object.word("role", Role::WORDS),
            };
            let group = name.strip_prefix("nflog:").and_then(|group| group.parse().ok());
            if let Some(packets) = object.number("feed", 1, u64::from(FEED_PACKETS_MAX)) {
                match (group, u32::try_from(packets)) {
                    (Some(group), Ok(packets)) => self.config.feeds.push(Feed { group, packets }),
                    _ => {
                        let expected = "an interface called \"nflog:GROUP\"";
                        object.unexpected("feed", expected, &format!("\"{name}\""));
                    }
                }
            }
            let name = name.to_owned();
            self.config.interfaces.extend(role.map(|role| Interface { name, role }));
            object.report_unknown_keys();
        }
        for (text, path) in root.texts("local_networks") {
            match text.parse::<Network>() {
                Ok(network) => self.config.local_networks.push(network),
                Err(error) => {
                    let found = format!("\"{text}\": {error}");
                    let expected = "a network such as \"192.168.0.0/16\"".to_owned();
                    root.report(Severity::Error, path, json::Problem::Value { expected, found });
                }
            }
        }
    }

    fn not_yet(&mut self, path: String, what: String) {
        self.found.push((Severity::Warning, path, Problem::NotYet { what }));
    }
}

fn bittorrent(object: Object<'_>) -> Bittorrent {
    let endpoints_max = object.number("endpoints_max", 16, ENDPOINTS_MOST);
    let options = Bittorrent {
        endpoints_max: endpoints_max.and_then(|most| u32::try_from(most).ok()),
        from_syn: object.flag("from_syn", false),
        infer: object.word("infer", Infer::WORDS).unwrap_or_default(),
    };
    object.report_unknown_keys();
    options
}

/// What records say of people. A word that nobody understands means the most careful of them.
fn privacy(root: &Object<'_>) -> Privacy {
    let Some(object) = root.child("privacy") else { return Privacy::default() };
    let treatment = |key| match object.value(key) {
        None => Treatment::Keep,
        Some(_) => object.word(key, Treatment::WORDS).unwrap_or(Treatment::Drop),
    };
    let answers = object.flag("answers", false);
    let privacy = Privacy { hosts: treatment("hosts"), clients: treatment("clients"), answers };
    object.report_unknown_keys();
    privacy
}

/// Of a zone that cannot be had the system's takes the place: most routers stand where they are
/// set to. Schedules may then be hours off, so it is an error, which `nfa check` shows.
fn zone(root: &Object<'_>) -> Zone {
    let Some(text) = root.text("timezone") else { return Zone::system() };
    Zone::find(text).unwrap_or_else(|error| {
        let expected = "a zone such as \"Europe/Rome\" or \"CET-1CEST,M3.5.0,M10.5.0/3\"";
        let found = format!("\"{text}\": {error}; the system's zone is used");
        root.unexpected("timezone", expected, &found);
        Zone::system()
    })
}
