//! The schema of the configuration and the reading of it know the same keys, and the acceptance
//! configurations (`tests/config/good`) are good. What the schema itself says of samples is tested
//! by `tests/schema.py`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::string_slice)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nfa::app::Catalogue;
use nfa::config::{self, Finding, Problem, Severity};
use nfa::json;
use nfa::lists::Lists;
use serde_json::{Map, Value};

/// Keys of the format that this version does not read: `nfa check` says so.
const NOT_READ: &[&str] =
    &["skb_mark", "skb_mask", "skb_prio", "skb_queue", "address_groups", "category_lists"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Value {
    let text = fs::read_to_string(root().join("docs/config.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn catalogue() -> Catalogue {
    Catalogue::load(&root().join("files/usr/share/nfa/apps.d")).0
}

/// What a reference leads to, or the schema itself.
fn followed<'s>(schema: &'s Value, part: &'s Value) -> &'s Value {
    match part["$ref"].as_str() {
        Some(pointer) => followed(schema, schema.pointer(&pointer[1..]).unwrap()),
        None => part,
    }
}

/// A value that the schema offers for one key: its example, its default, its only or first one.
fn sample(schema: &Value, part: &Value) -> Value {
    let offers = |part: &Value| {
        let first = |key: &str| part[key].get(0).cloned();
        let default = part.get("default").filter(|value| !value.is_object()).cloned();
        first("examples")
            .or(default)
            .or_else(|| first("enum"))
            .or_else(|| part.get("const").cloned())
    };
    offers(part)
        .or_else(|| offers(followed(schema, part)))
        .unwrap_or_else(|| panic!("no example, default or value in {part}"))
}

/// Every property of a part of the schema, those of its references included.
fn properties(schema: &Value, part: &Value) -> Map<String, Value> {
    let mut all = match part["$ref"].as_str() {
        Some(pointer) => properties(schema, schema.pointer(&pointer[1..]).unwrap()),
        None => Map::new(),
    };
    for (key, inner) in part["properties"].as_object().into_iter().flatten() {
        if !(all.contains_key(key) && inner.get("description").is_none()) {
            all.insert(key.clone(), inner.clone());
        }
    }
    all
}

/// An object that has every property of a part.
fn full(schema: &Value, part: &Value) -> Map<String, Value> {
    let properties = properties(schema, part).into_iter();
    properties.map(|(key, part)| (key, sample(schema, &part))).collect()
}

/// A configuration with every key that the schema names.
fn every_key(schema: &Value) -> Value {
    let mut config = Map::new();
    for (key, part) in schema["properties"].as_object().unwrap() {
        let value = match key.as_str() {
            "actions" => {
                let mut action = full(schema, &schema["$defs"]["action"]);
                let window = full(schema, &schema["$defs"]["window"]);
                action.insert("time_of_day".to_owned(), vec![Value::Object(window)].into());
                serde_json::json!({ "all": action })
            }
            "targets" => {
                let kinds = schema["$defs"]["target"]["properties"]["target_type"]["enum"].clone();
                let targets = kinds.as_array().unwrap().iter().map(|kind| {
                    let kind = kind.as_str().unwrap();
                    let mut target = full(schema, &schema["$defs"][format!("target_{kind}")]);
                    target.insert("target_type".to_owned(), kind.into());
                    target.insert("target_enabled".to_owned(), true.into());
                    (kind.to_owned(), Value::Object(target))
                });
                targets.collect::<Map<_, _>>().into()
            }
            "target_defaults" => {
                let kinds = part["properties"].as_object().unwrap();
                kinds
                    .keys()
                    .map(|kind| (kind.clone(), Map::new().into()))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "target_globals" => {
                let labels = full(schema, &part["properties"]["ctlabel"]);
                serde_json::json!({ "adopt": true, "ctlabel": labels })
            }
            _ => sample(schema, part),
        };
        config.insert(key.clone(), value);
    }
    Value::Object(config)
}

fn strangers(findings: &[Finding]) -> Vec<&str> {
    let unknown = |finding: &&Finding| {
        matches!(finding.problem, Problem::Value(json::Problem::UnknownKey { .. }))
    };
    findings.iter().filter(unknown).map(|finding| finding.path.as_str()).collect()
}

#[test]
fn every_key_of_the_schema_is_read() {
    let config = every_key(&schema()).to_string();
    let (_, findings) =
        config::parse(&config, Path::new("every-key"), &catalogue(), Lists::default()).unwrap();
    let last = |path: &&str| path.rsplit('/').next().unwrap().to_owned();
    let unread =
        strangers(&findings).into_iter().filter(|path| !NOT_READ.contains(&last(path).as_str()));
    assert_eq!(unread.collect::<Vec<_>>(), [""; 0]);
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
        // Which labels there are is up to a file of the machine.
        assert!(finding.path.contains("label"), "the schema's own samples are good: {finding}");
    }
}

/// Names in calls that read a key, such as `object.flag("managed", false)`.
fn keys_read(source: &str) -> BTreeSet<String> {
    const READERS: &[&str] = &[
        "text",
        "texts",
        "texts_such_as",
        "flag",
        "number",
        "word",
        "value",
        "members",
        "objects",
        "child",
        "object_at",
        "seconds",
        "hexadecimal",
        "name_part",
        "missing",
    ];
    let code = source.split("#[cfg(test)]").next().unwrap();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices('"') {
        let before = code[..at].trim_end();
        let before = ["object,", "root,", "entry,", "action,"]
            .iter()
            .find_map(|argument| before.strip_suffix(argument))
            .unwrap_or(before);
        let Some(before) = before.strip_suffix('(') else { continue };
        let reads = READERS.iter().any(|reader| {
            before
                .strip_suffix(reader)
                .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        let key: String = code[at + 1..].chars().take_while(|c| *c != '"').collect();
        let is_key = |c: char| c.is_ascii_lowercase() || c == '_' || c == '$';
        if reads && !key.is_empty() && key.chars().all(is_key) {
            found.insert(key);
        }
    }
    found
}

#[test]
fn every_key_that_is_read_is_in_the_schema() {
    fn names(value: &Value, found: &mut BTreeSet<String>) {
        if let Some(properties) = value["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        match value {
            Value::Object(members) => members.values().for_each(|inner| names(inner, found)),
            Value::Array(items) => items.iter().for_each(|inner| names(inner, found)),
            _ => {}
        }
    }
    let mut known = BTreeSet::new();
    names(&schema(), &mut known);
    let mut read = BTreeSet::new();
    for folder in ["src/config", "src/target"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                read.extend(keys_read(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(read.len() > 25, "{read:?}");
    let missing: Vec<&String> = read.difference(&known).collect();
    assert!(missing.is_empty(), "docs/config.schema.json lacks {missing:?}");
}

#[test]
fn the_acceptance_configurations_are_good() {
    let catalogue = catalogue();
    let mut count = 0;
    for entry in fs::read_dir(root().join("tests/config/good")).unwrap() {
        let path = entry.unwrap().path();
        count += 1;
        let config::Loaded { config, findings, .. } = config::load(&path, &catalogue).unwrap();
        assert_eq!(strangers(&findings), [""; 0], "{}", path.display());
        for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
            // Which labels there are is up to a file of the machine.
            assert!(finding.path.contains("label"), "{}: {finding}", path.display());
        }
        let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let actions = written["actions"].as_object().unwrap();
        assert_eq!(config.policy.actions.len(), actions.len(), "{}", path.display());
        let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
        let check = Command::new(env!("CARGO_BIN_EXE_nfa"))
            .args(["check", "--catalogue", "files/usr/share/nfa/apps.d", "--config"])
            .arg(&path)
            .current_dir(root())
            .output()
            .unwrap();
        assert_eq!(check.status.code(), Some(errors.into()), "{}", path.display());
    }
    assert_eq!(count, 9, "A1 to A9");
}
