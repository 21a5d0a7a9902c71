//! Typed reading of JSON objects that reports every problem with its path and goes on, and writing.

mod write;

use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};

use crate::spelling;

pub use write::{Shown, ToJson, insert, list, object, put};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It runs, but perhaps not as meant.
    Warning,
    /// That part is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A key that nothing reads.
    UnknownKey {
        /// The closest known key.
        nearest: Option<String>,
    },
    /// A key that must be there is not.
    Missing {
        /// What it would hold.
        expected: &'static str,
    },
    /// A value of another type.
    Type {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value of the right type that means nothing here.
    Value {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { nearest: Some(nearest) } => {
                write!(f, "unknown key, ignored; did you mean \"{nearest}\"?")
            }
            Self::UnknownKey { nearest: None } => f.write_str("unknown key, ignored"),
            Self::Missing { expected } => write!(f, "missing; expected {expected}"),
            Self::Type { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Value { expected, found } => write!(f, "expected {expected}, found {found}"),
        }
    }
}

/// A problem and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the part is refused.
    pub severity: Severity,
    /// JSON pointer (RFC 6901) to the value.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// A JSON object being read: notes which keys were asked for, so the rest can be reported.
#[derive(Debug)]
pub struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
    /// Where a key is looked up that the object itself lacks, with that place's path.
    defaults: Option<(&'a Map<String, Value>, String)>,
    asked: RefCell<Vec<&'static str>>,
    findings: &'a RefCell<Vec<Finding>>,
}

impl<'a> Object<'a> {
    /// Reads `value` as an object; reports it if it is something else.
    pub fn read(
        value: &'a Value,
        path: &str,
        findings: &'a RefCell<Vec<Finding>>,
    ) -> Option<Object<'a>> {
        match value {
            Value::Object(map) => Some(Object {
                path: path.to_owned(),
                map,
                defaults: None,
                asked: RefCell::default(),
                findings,
            }),
            other => {
                let problem = Problem::Type { expected: "an object", found: type_name(other) };
                findings.borrow_mut().push(Finding {
                    severity: Severity::Error,
                    path: path.to_owned(),
                    problem,
                });
                None
            }
        }
    }

    /// With another object whose values count where this one has none.
    #[must_use]
    pub fn with_defaults(mut self, defaults: Option<&'a Map<String, Value>>, path: &str) -> Self {
        self.defaults = defaults.map(|map| (map, path.to_owned()));
        self
    }

    /// JSON pointer to it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// JSON pointer to one of its keys.
    pub fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The value of a key and its path, own before default. `null` counts as absent.
    pub fn value(&self, key: &'static str) -> Option<(&'a Value, String)> {
        self.asked.borrow_mut().push(key);
        let own = self.map.get(key).map(|value| (value, join(&self.path, key)));
        let found = own.or_else(|| {
            let (map, path) = self.defaults.as_ref()?;
            map.get(key).map(|value| (value, join(path, key)))
        })?;
        if found.0.is_null() { None } else { Some(found) }
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        let (value, path) = self.value(key)?;
        match value {
            Value::String(text) => Some(text),
            other => self.wrong_type(path, "a text", other),
        }
    }

    /// `true` or `false`; `default` where it is absent.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some((value, path)) = self.value(key) else { return default };
        match value {
            Value::Bool(flag) => *flag,
            other => self.wrong_type(path, "true or false", other).unwrap_or(default),
        }
    }

    /// A whole number between two bounds.
    pub fn number(&self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let (value, path) = self.value(key)?;
        let Value::Number(number) = value else {
            return self.wrong_type(path, "a whole number", value);
        };
        let in_bounds = number.as_u64().filter(|number| (least..=most).contains(number));
        if in_bounds.is_none() {
            let expected = if least == most {
                least.to_string()
            } else {
                format!("a whole number from {least} to {most}")
            };
            self.report(
                Severity::Error,
                path,
                Problem::Value { expected, found: number.to_string() },
            );
        }
        in_bounds
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let mut expected = String::new();
            words.iter().for_each(|(word, _)| add_word(&mut expected, word));
            self.unexpected(key, expected, &format!("\"{text}\""));
        }
        found
    }

    /// A list of texts with their paths; a single text counts as a list of one.
    pub fn texts(&self, key: &'static str) -> Vec<(&'a str, String)> {
        self.texts_such_as(key, "a text", "a list of texts")
    }

    /// As [`Object::texts`]; messages say that one item or the list was expected, in those words.
    pub fn texts_such_as(
        &self,
        key: &'static str,
        one: &'static str,
        list: &'static str,
    ) -> Vec<(&'a str, String)> {
        let Some((value, path)) = self.value(key) else { return Vec::new() };
        match value {
            Value::String(text) => vec![(text, path)],
            Value::Array(items) => items
                .iter()
                .enumerate()
                .filter_map(|(position, item)| {
                    let path = join(&path, &position.to_string());
                    match item {
                        Value::String(text) => Some((text.as_str(), path)),
                        other => self.wrong_type(path, one, other),
                    }
                })
                .collect(),
            other => self.wrong_type(path, list, other).unwrap_or_default(),
        }
    }

    /// The members of an object of objects, in document order.
    pub fn members(&self, key: &'static str) -> Vec<(&'a str, Object<'a>)> {
        let Some((value, path)) = self.value(key) else { return Vec::new() };
        if !value.is_object() {
            let expected = "an object of named objects, such as {\"name\": {...}}";
            return self.wrong_type(path, expected, value).unwrap_or_default();
        }
        let Some(object) = Object::read(value, &path, self.findings) else { return Vec::new() };
        object
            .map
            .iter()
            .filter_map(|(name, member)| {
                let path = join(&path, name);
                Some((name.as_str(), Object::read(member, &path, self.findings)?))
            })
            .collect()
    }

    /// A list of objects; a single object counts as a list of one. `None` stands for what is
    /// something else, which is reported.
    pub fn objects(&self, key: &'static str) -> Option<Vec<Option<Object<'a>>>> {
        let (value, path) = self.value(key)?;
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate().map(|(position, item)| {
                    Object::read(item, &join(&path, &position.to_string()), self.findings)
                });
                Some(items.collect())
            }
            Value::Object(_) => Some(vec![Object::read(value, &path, self.findings)]),
            other => Some(vec![self.wrong_type(path, "a list of objects", other)]),
        }
    }

    /// An object inside this one.
    pub fn child(&self, key: &'static str) -> Option<Object<'a>> {
        let (value, path) = self.value(key)?;
        Object::read(value, &path, self.findings)
    }

    /// The members of an object as they stand.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Reports that a key of this object has a value nobody understands; that part is refused.
    pub fn unexpected(&self, key: &str, expected: impl Into<String>, found: &str) {
        let problem = Problem::Value { expected: expected.into(), found: found.to_owned() };
        let own = self.map.contains_key(key);
        let path = match &self.defaults {
            Some((_, path)) if !own => join(path, key),
            _ => self.path_of(key),
        };
        self.report(Severity::Error, path, problem);
    }

    /// Reports that the value at `path` means nothing here; that part is refused.
    pub fn refuse(&self, path: String, expected: impl Into<String>, found: &str) {
        let problem = Problem::Value { expected: expected.into(), found: found.to_owned() };
        self.report(Severity::Error, path, problem);
    }

    /// Reports that a key must be there and is not.
    pub fn missing(&self, key: &str, expected: &'static str) {
        self.report(Severity::Error, self.path_of(key), Problem::Missing { expected });
    }

    /// Reports the keys of this object that nothing asked for, with the closest that was.
    pub fn report_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for key in self.map.keys().filter(|key| !asked.contains(&key.as_str())) {
            let nearest = spelling::nearest(key, asked.iter().copied());
            self.report(Severity::Warning, self.path_of(key), Problem::UnknownKey { nearest });
        }
    }

    /// Adds a finding.
    pub fn report(&self, severity: Severity, path: String, problem: Problem) {
        self.findings.borrow_mut().push(Finding { severity, path, problem });
    }

    fn wrong_type<T>(&self, path: String, expected: &'static str, found: &Value) -> Option<T> {
        let problem = Problem::Type { expected, found: type_name(found) };
        self.report(Severity::Error, path, problem);
        None
    }
}

/// Adds a word to a list of those that are expected: `"a" or "b"`.
pub fn add_word(list: &mut String, word: &str) {
    let between = if list.is_empty() { "" } else { " or " };
    list.extend([between, "\"", word, "\""]);
}

/// A JSON pointer one key deeper (RFC 6901 section 3).
pub fn join(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let value = json!({
            "ttl": -1, "max": 70000, "name": 5, "famly": "ipv4", "family": "ipx",
            "list": ["a", 2], "managed": "yes", "deep/er": {}, "windows": [{}, 7], "window": {},
            "shift": true
        });
        let findings = RefCell::default();
        let object = Object::read(&value, "/targets/x", &findings).unwrap();
        assert_eq!(object.number("ttl", 0, 100), None);
        assert_eq!(object.number("max", 0, 65536), None);
        assert_eq!(object.text("name"), None);
        assert_eq!(object.word("family", &[("ipv4", 4), ("ipv6", 6)]), None);
        assert_eq!(object.texts("list"), [("a", "/targets/x/list/0".to_owned())]);
        assert!(!object.flag("managed", false));
        let read = |key| object.objects(key).map(|list| list.iter().map(Option::is_some).collect());
        assert_eq!(read("windows"), Some(vec![true, false]));
        assert_eq!(read("window"), Some(vec![true]));
        assert_eq!(read("shift"), Some(vec![false]));
        assert_eq!(read("none"), None);
        object.report_unknown_keys();
        let lines: Vec<String> = findings
            .borrow()
            .iter()
            .map(|found| format!("{} {}: {}", found.severity, found.path, found.problem))
            .collect();
        assert_eq!(
            lines,
            [
                "error /targets/x/ttl: expected a whole number from 0 to 100, found -1",
                "error /targets/x/max: expected a whole number from 0 to 65536, found 70000",
                "error /targets/x/name: expected a text, found a number",
                "error /targets/x/family: expected \"ipv4\" or \"ipv6\", found \"ipx\"",
                "error /targets/x/list/1: expected a text, found a number",
                "error /targets/x/managed: expected true or false, found a text",
                "error /targets/x/windows/1: expected an object, found a number",
                "error /targets/x/shift: expected a list of objects, found true or false",
                "warning /targets/x/famly: unknown key, ignored; did you mean \"family\"?",
                "warning /targets/x/deep~1er: unknown key, ignored",
            ]
        );
    }

    #[test]
    fn defaults_fill_what_is_absent() {
        let (own, defaults) = (json!({"ttl": 1}), json!({"ttl": 2, "size": 3, "family": 7}));
        let findings = RefCell::default();
        let object = Object::read(&own, "/targets/x", &findings)
            .unwrap()
            .with_defaults(defaults.as_object(), "/target_defaults/ipset");
        assert_eq!(object.number("ttl", 0, 9), Some(1));
        assert_eq!(object.number("size", 0, 9), Some(3));
        assert_eq!(object.text("family"), None);
        assert_eq!(findings.borrow()[0].path, "/target_defaults/ipset/family");
    }
}
