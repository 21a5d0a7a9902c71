//! What `ipset` and `nft` say of a set, in a form in which two can be compared.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use nfa::netlink::nftables::TableFamily;
use serde_json::Value;

/// Seconds that may pass between two readings: a guest that is emulated is slow. Timeouts that are to
/// be told apart differ by more.
const SLACK: u64 = 60;

/// The same numbers on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// A set without its name.
#[derive(Debug, Default)]
pub struct Saved {
    /// Type and options.
    pub header: String,
    /// Each element with what it carries, and the seconds it has left; none: for ever.
    pub elements: BTreeMap<String, (String, Option<u64>)>,
}

impl Saved {
    /// Whether both are the same set, read within [`SLACK`] seconds.
    pub fn is_like(&self, other: &Saved) -> bool {
        let alike = |(ours, theirs): (&(String, Option<u64>), &(String, Option<u64>))| {
            let time = match (ours.1, theirs.1) {
                (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= SLACK,
                (None, None) => true,
                _ => false,
            };
            time && ours.0 == theirs.0
        };
        self.header == other.header
            && self.elements.keys().eq(other.elements.keys())
            && self.elements.values().zip(other.elements.values()).all(alike)
    }
}

fn output(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}\n{input}");
    String::from_utf8(output.stdout).unwrap()
}

/// Lines of `ipset restore`.
pub fn ipset_restore(script: &str) {
    output("ipset", &["restore"], script);
}

/// A set as `ipset save` writes it, without what differs from one making to the next: the hash's
/// start, and the bucket size, which only the newest revisions of a type tell.
pub fn ipset_save(set: &str) -> Saved {
    let mut saved = Saved::default();
    for line in output("ipset", &["save", set], "").lines() {
        let mut words = line.split(' ');
        let (command, _, element) = (words.next().unwrap(), words.next(), words.next().unwrap());
        let mut carried = Vec::new();
        let mut left = None;
        while let Some(word) = words.next() {
            match word {
                "initval" | "bucketsize" => drop(words.next()),
                "timeout" if command == "add" => {
                    left = words.next().map(|text| text.parse().unwrap()).filter(|left| *left > 0);
                }
                word => carried.push(word),
            }
        }
        let carried = carried.join(" ");
        match command {
            "create" => saved.header = format!("{element} {carried}"),
            _ => drop(saved.elements.insert(element.to_owned(), (carried, left))),
        }
    }
    saved
}

/// Commands of `nft -f`.
pub fn nft(script: &str) {
    output("nft", &["-f", "-"], script);
}

/// A set of table `t` as `nft -j` lists it.
pub fn nft_set(family: TableFamily, set: &str) -> Saved {
    let text = output("nft", &["-j", "list", "set", family.name(), "t", set], "");
    let listed: Value = serde_json::from_str(&text).unwrap();
    let found = listed["nftables"].as_array().unwrap().iter().find_map(|item| item.get("set"));
    let mut header = found.unwrap().as_object().unwrap().clone();
    let elements = header.remove("elem");
    header.retain(|key, _| !["name", "handle"].contains(&key.as_str()));
    let mut saved = Saved { header: Value::Object(header).to_string(), ..Saved::default() };
    for element in elements.iter().flat_map(|list| list.as_array().unwrap()) {
        // With a timeout an element is an object that says so.
        let (value, carried) = match element.get("elem") {
            Some(element) => (&element["val"], Some(element)),
            None => (element, None),
        };
        let own = carried.map_or(&Value::Null, |element| &element["timeout"]).to_string();
        let left = carried.and_then(|element| element["expires"].as_u64());
        saved.elements.insert(word(value), (own, left));
    }
    saved
}

/// An element's key as `nft` writes it in a ruleset.
fn word(value: &Value) -> String {
    if let Some(parts) = value.get("concat") {
        let parts: Vec<String> = parts.as_array().unwrap().iter().map(word).collect();
        return parts.join(" . ");
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
