//! From a setup to the JSON that the daemon reads.

use serde_json::{Map, Value};

use crate::json::{object, put};

use super::model::{Home, Mark, OwnSet, Privacy, Rule, Schedule, Setup, Telemetry};

/// nfa's own table, of family inet.
pub const TABLE: &str = "nfa";

fn hex(number: u32) -> String {
    format!("{number:#010x}")
}

fn mark(mark: Mark) -> Value {
    object! { "target_type": "ctmark", "mark": hex(mark.value), "mask": hex(mark.mask) }
}

/// Elements of it stay for their whole time behind the last flow: what is remembered is the use.
fn own_set(set: &OwnSet, home: &Home) -> Option<(String, Value)> {
    let life = |max: &str| {
        let mut object = Map::new();
        put(&mut object, "set_name", &set.name);
        put(&mut object, "set_family", &set.family);
        put(&mut object, max, &set.maxelem);
        put(&mut object, "ttl", &set.timeout);
        put(&mut object, "linger", &set.timeout);
        object
    };
    let (name, mut object) = match home {
        Home::Ipset => {
            let mut object = life("max_elements");
            put(&mut object, "target_type", &"ipset");
            put(&mut object, "type", &set.key.ipset()?);
            // Nobody else makes it; rules of the user's keep it from being destroyed.
            put(&mut object, "managed", &true);
            ("ipset", object)
        }
        Home::Nft(table) => {
            let mut object = life("max_elements");
            put(&mut object, "target_type", &"nftset");
            put(&mut object, "table_name", &table);
            put(&mut object, "type", &set.key.nft());
            ("nft", object)
        }
    };
    put(&mut object, "flush_on_destroy", &true);
    Some((format!("{name}.{}", set.name), Value::Object(object)))
}

fn window(schedule: &Schedule) -> Value {
    let mut window = Map::new();
    if !schedule.days.is_empty() {
        put(&mut window, "day", &schedule.days);
    }
    put(&mut window, "time_start", &schedule.start);
    put(&mut window, "time_end", &schedule.end);
    let policy = if schedule.inverse { "exclusive" } else { "inclusive" };
    put(&mut window, "policy", &policy);
    Value::Object(window)
}

impl Rule {
    /// What the set is called that remembers where its flows went. Not `nfa.`, by which sets ask
    /// to be filled for their names.
    pub fn memory(&self) -> String {
        format!("nfa_{}", self.id)
    }
}

impl Telemetry {
    fn json(&self) -> Value {
        let mut object = Map::new();
        object.extend(self.interval.map(|seconds| ("interval".to_owned(), seconds.into())));
        if !self.records.is_empty() {
            put(&mut object, "records", &self.records);
        }
        Value::Object(object)
    }
}

impl Privacy {
    fn json(&self) -> Value {
        let mut object = Map::new();
        for (key, word) in [("hosts", self.hosts), ("clients", self.clients)] {
            object.extend(word.map(|word| (key.to_owned(), word.into())));
        }
        if self.answers {
            object.insert("answers".into(), true.into());
        }
        Value::Object(object)
    }
}

impl Setup {
    /// The rules that are switched on, in their order.
    pub fn active(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }

    /// The configuration. Rules that are off are not in it: their sets are not wanted.
    pub fn json(&self) -> Value {
        let mut root = Map::new();
        put(&mut root, "version", &1_u8);
        put(&mut root, "target_globals", &object! { "adopt": self.globals.adopt });
        let interfaces = self.interfaces.iter().map(|(device, role, feed)| {
            let words = crate::interface::Role::WORDS;
            let role =
                words.iter().find(|(_, known)| known == role).map_or("lan", |(word, _)| word);
            let mut value = Map::new();
            put(&mut value, "role", &role);
            if let Some(feed) = feed {
                put(&mut value, "feed", feed);
            }
            (device.clone(), Value::Object(value))
        });
        let interfaces: Map<String, Value> = interfaces.collect();
        if !interfaces.is_empty() {
            put(&mut root, "interfaces", &Value::Object(interfaces));
        }
        if !self.globals.local_networks.is_empty() {
            put(&mut root, "local_networks", &self.globals.local_networks);
        }
        if let Some(zone) = &self.globals.timezone {
            put(&mut root, "timezone", &zone);
        }
        if let Some(flows_max) = self.globals.flows_max {
            put(&mut root, "flows_max", &flows_max);
        }
        if let Some(telemetry) = &self.globals.telemetry {
            root.insert("telemetry".into(), telemetry.json());
        }
        if self.globals.privacy != Privacy::default() {
            root.insert("privacy".into(), self.globals.privacy.json());
        }
        let exemptions: Vec<&str> = self.exemptions.iter().map(|one| one.0.as_str()).collect();
        put(&mut root, "exemptions", &exemptions);
        let mut targets = Map::new();
        let mut actions = Map::new();
        for rule in self.active() {
            let action = self.action(rule, &mut targets);
            actions.insert(rule.name.clone(), action);
        }
        put(&mut root, "targets", &Value::Object(targets));
        put(&mut root, "actions", &Value::Object(actions));
        Value::Object(root)
    }

    fn action(&self, rule: &Rule, targets: &mut Map<String, Value>) -> Value {
        let mut names = Vec::new();
        let mut name = |name: String, target: Value| {
            targets.insert(name.clone(), target);
            names.push(Value::String(name));
        };
        let marks = self.globals.marks;
        for set in rule.sets.iter().filter_map(|number| self.sets.get(*number)) {
            for (target, object) in set.homes.iter().filter_map(|home| own_set(set, home)) {
                name(target, object);
            }
        }
        if let Some(class) = rule.class {
            name(format!("class.{}", class.word()), mark(marks.class(class)));
        }
        if let Some(verdict) = rule.verdict {
            name(verdict.word().to_owned(), mark(marks.verdict(verdict)));
            if rule.log {
                name("log.cut".to_owned(), mark(marks.log()));
            }
        }
        // A connection that has begun keeps its way: one that is rerouted would break.
        if let Some(own) = rule.mark.filter(|_| rule.table.is_none()) {
            name(format!("mark.{:x}.{:x}", own.value, own.mask), mark(own));
        }
        if rule.remember {
            name(format!("memory.{}", rule.id), self.memory(rule));
        }
        if rule.log {
            name("log".to_owned(), object! { "target_type": "sink", "sink": "syslog" });
        }
        if rule.kill {
            name("kill".to_owned(), object! { "target_type": "kill" });
        }
        let mut action = Map::new();
        if let Some(interface) = &rule.interface {
            put(&mut action, "interface", &interface);
        }
        put(&mut action, "criteria", &rule.criteria);
        put(&mut action, "targets", &Value::Array(names));
        if !rule.exemptions.is_empty() {
            put(&mut action, "exemptions", &rule.exemptions);
        }
        if rule.priority != 0 {
            put(&mut action, "priority", &rule.priority);
        }
        if rule.halt {
            put(&mut action, "halt_on_match", &true);
        }
        let schedules = rule.schedules.iter().filter_map(|number| self.schedules.get(*number));
        let windows: Vec<Value> = schedules.map(window).collect();
        if !windows.is_empty() {
            put(&mut action, "time_of_day", &Value::Array(windows));
        }
        Value::Object(action)
    }

    /// The set of a rule that remembers, in our own table: where its flows went, and from whom. What
    /// has hours of its own forgets with the last flow, or it would act outside of them.
    fn memory(&self, rule: &Rule) -> Value {
        let linger = if rule.schedules.is_empty() { self.globals.timeout } else { 0 };
        let mut set = object! {
            "set_name": rule.memory(), "max_elements": self.globals.maxelem,
            "ttl": self.globals.timeout, "linger": linger,
        };
        let home = if self.globals.backend.has_nft() {
            object! {
                "target_type": "nftset", "table_name": TABLE,
                "type": ["other_addr", "ip_proto", "other_port", "local_addr"],
            }
        } else {
            object! {
                "target_type": "ipset", "type": "hash:ip,port,ip",
                "managed": true, "flush_on_destroy": true,
            }
        };
        if let (Value::Object(set), Value::Object(home)) = (&mut set, home) {
            set.extend(home);
        }
        set
    }
}
