//! From a setup to the JSON that the daemon reads.

use serde_json::{Map, Value, json};

use super::model::{Home, Mark, OwnSet, Rule, Schedule, Setup};

/// nfa's own table, of family inet.
pub const TABLE: &str = "nfa";

fn hex(number: u32) -> String {
    format!("{number:#010x}")
}

fn mark(mark: Mark) -> Value {
    json!({ "target_type": "ctmark", "mark": hex(mark.value), "mask": hex(mark.mask) })
}

/// Elements of it stay for their whole time behind the last flow: what is remembered is the use.
fn own_set(set: &OwnSet, home: &Home) -> Option<(String, Value)> {
    let life = |max: &str| {
        let mut object = Map::new();
        object.insert("set_name".into(), set.name.clone().into());
        object.insert("set_family".into(), set.family.into());
        object.insert(max.into(), set.maxelem.into());
        object.insert("ttl".into(), set.timeout.into());
        object.insert("linger".into(), set.timeout.into());
        object
    };
    let (name, mut object) = match home {
        Home::Ipset => {
            let mut object = life("max_elements");
            object.insert("target_type".into(), "ipset".into());
            object.insert("type".into(), set.key.ipset()?.into());
            // Nobody else makes it; rules of the user's keep it from being destroyed.
            object.insert("managed".into(), true.into());
            ("ipset", object)
        }
        Home::Nft(table) => {
            let mut object = life("max_elements");
            object.insert("target_type".into(), "nftset".into());
            object.insert("table_name".into(), table.clone().into());
            object.insert("type".into(), json!(set.key.nft()));
            ("nft", object)
        }
    };
    object.insert("flush_on_destroy".into(), true.into());
    Some((format!("{name}.{}", set.name), Value::Object(object)))
}

fn window(schedule: &Schedule) -> Value {
    let mut window = Map::new();
    if !schedule.days.is_empty() {
        window.insert("day".into(), json!(schedule.days));
    }
    window.insert("time_start".into(), schedule.start.clone().into());
    window.insert("time_end".into(), schedule.end.clone().into());
    let policy = if schedule.inverse { "exclusive" } else { "inclusive" };
    window.insert("policy".into(), policy.into());
    Value::Object(window)
}

impl Rule {
    /// What the set is called that remembers where its flows went. Not `nfa.`, by which sets ask
    /// to be filled for their names.
    pub fn memory(&self) -> String {
        format!("nfa_{}", self.id)
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
        root.insert("version".into(), 1.into());
        root.insert("target_globals".into(), json!({ "adopt": self.globals.adopt }));
        let interfaces = self.interfaces.iter().map(|(device, role, feed)| {
            let words = crate::interface::Role::WORDS;
            let role =
                words.iter().find(|(_, known)| known == role).map_or("lan", |(word, _)| word);
            let mut value = json!({ "role": role });
            if let (Some(feed), Value::Object(value)) = (feed, &mut value) {
                value.insert("feed".into(), (*feed).into());
            }
            (device.clone(), value)
        });
        let interfaces: Map<String, Value> = interfaces.collect();
        if !interfaces.is_empty() {
            root.insert("interfaces".into(), Value::Object(interfaces));
        }
        if !self.globals.local_networks.is_empty() {
            root.insert("local_networks".into(), json!(self.globals.local_networks));
        }
        if let Some(zone) = &self.globals.timezone {
            root.insert("timezone".into(), zone.clone().into());
        }
        if let Some(flows_max) = self.globals.flows_max {
            root.insert("flows_max".into(), flows_max.into());
        }
        let exemptions: Vec<&str> = self.exemptions.iter().map(|one| one.0.as_str()).collect();
        root.insert("exemptions".into(), json!(exemptions));
        let mut targets = Map::new();
        let mut actions = Map::new();
        for rule in self.active() {
            let action = self.action(rule, &mut targets);
            actions.insert(rule.name.clone(), action);
        }
        root.insert("targets".into(), Value::Object(targets));
        root.insert("actions".into(), Value::Object(actions));
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
            name("log".to_owned(), json!({ "target_type": "sink", "sink": "syslog" }));
        }
        if rule.kill {
            name("kill".to_owned(), json!({ "target_type": "kill" }));
        }
        let mut action = Map::new();
        if let Some(interface) = &rule.interface {
            action.insert("interface".into(), interface.clone().into());
        }
        action.insert("criteria".into(), json!(rule.criteria));
        action.insert("targets".into(), Value::Array(names));
        if !rule.exemptions.is_empty() {
            action.insert("exemptions".into(), json!(rule.exemptions));
        }
        if rule.priority != 0 {
            action.insert("priority".into(), rule.priority.into());
        }
        if rule.halt {
            action.insert("halt_on_match".into(), true.into());
        }
        let schedules = rule.schedules.iter().filter_map(|number| self.schedules.get(*number));
        let windows: Vec<Value> = schedules.map(window).collect();
        if !windows.is_empty() {
            action.insert("time_of_day".into(), Value::Array(windows));
        }
        Value::Object(action)
    }

    /// The set of a rule that remembers, in our own table: where its flows went, and from whom. What
    /// has hours of its own forgets with the last flow, or it would act outside of them.
    fn memory(&self, rule: &Rule) -> Value {
        let linger = if rule.schedules.is_empty() { self.globals.timeout } else { 0 };
        let mut set = json!({
            "set_name": rule.memory(), "max_elements": self.globals.maxelem,
            "ttl": self.globals.timeout, "linger": linger,
        });
        let home = if self.globals.backend.has_nft() {
            json!({
                "target_type": "nftset", "table_name": TABLE,
                "type": ["other_addr", "ip_proto", "other_port", "local_addr"],
            })
        } else {
            json!({
                "target_type": "ipset", "type": "hash:ip,port,ip",
                "managed": true, "flush_on_destroy": true,
            })
        };
        if let (Value::Object(set), Value::Object(home)) = (&mut set, home) {
            set.extend(home);
        }
        set
    }
}
