//! `ctlabel`: sets conntrack labels of a flow, by bit, by name, or derived from what it is.
//!
//! Names stand in a file with lines `BIT NAME`, which `iptables` and `nft` read too.

use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::set::Sets;
use super::{Context, Kind, Target, Want};
use crate::effect::Hit;
use crate::json::{self, Object, Severity};
use crate::sorted::SortedMap;
use crate::spelling;

/// The kind.
pub static CTLABEL: Kind = Kind { name: "ctlabel", doc: "sets conntrack labels of a flow", parse };

/// The last bit there is: the kernel keeps 128 (`XT_CONNLABEL_MAXBIT`).
const BIT_MOST: u8 = 127;
/// Where names are looked for; of two that are the same the first counts.
const FILES: [&str; 2] = ["/etc/xtables/connlabel.conf", "/etc/connlabel.conf"];
/// Longest label file read, in bytes: 128 lines take no more.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Names of labels, with their bits. A file is bounded, the owner's, and read once.
type Names = SortedMap<String, u8>;

/// Names of labels, read when the first is asked for.
#[derive(Debug)]
pub struct LabelNames {
    files: Vec<PathBuf>,
    most: u8,
    names: OnceCell<Arc<Names>>,
}

impl LabelNames {
    /// From `ctlabel` of `target_globals`; what is wrong with it is reported.
    pub fn read(globals: Option<Object<'_>>) -> Self {
        let mut most = BIT_MOST;
        let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
        if let Some(object) = &globals {
            let bits = object.number("max_bits", 0, BIT_MOST.into());
            most = bits.and_then(|bits| u8::try_from(bits).ok()).unwrap_or(BIT_MOST);
            if let Some(file) = object.text("connlabel_conf") {
                files = vec![PathBuf::from(file)];
            }
            object.report_unknown_keys();
        }
        LabelNames { files, most, names: OnceCell::new() }
    }

    fn names(&self) -> &Arc<Names> {
        self.names.get_or_init(|| {
            let mut names = Names::new();
            for path in &self.files {
                let mut text = String::new();
                // A file that is not there has no names: those asked for are reported.
                if let Ok(file) = File::open(path)
                    && file.take(FILE_BYTES_MAX).read_to_string(&mut text).is_ok()
                {
                    for (bit, name) in text.lines().filter_map(line) {
                        if bit <= self.most {
                            names.insert_new(name.to_owned(), || bit);
                        }
                    }
                }
            }
            Arc::new(names)
        })
    }

    /// The bit that a text of `labels` means.
    fn bit(&self, object: &Object<'_>, text: &str, path: &str) -> Option<u8> {
        if let Ok(bit) = text.parse::<u64>() {
            return self.checked(object, bit, path);
        }
        let bit = self.names().get(text).copied();
        if bit.is_none() {
            let files: Vec<String> =
                self.files.iter().map(|path| path.display().to_string()).collect();
            let nearest = spelling::nearest(text, self.names().keys().map(String::as_str));
            let hint = nearest.map_or(String::new(), |name| format!("; did you mean \"{name}\"?"));
            let expected = format!("a label of {}", files.join(" or "));
            object.refuse(path.to_owned(), expected, &format!("\"{text}\"{hint}"));
        }
        bit
    }

    fn checked(&self, object: &Object<'_>, bit: u64, path: &str) -> Option<u8> {
        let bit = u8::try_from(bit).ok().filter(|bit| *bit <= self.most);
        if bit.is_none() {
            let expected = format!("a bit from 0 to {}", self.most);
            object.refuse(path.to_owned(), expected, "a larger one");
        }
        bit
    }
}

/// `BIT NAME`, with `#` before a comment.
fn line(line: &str) -> Option<(u8, &str)> {
    let mut words = line.split('#').next()?.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?))
}

#[derive(Debug)]
struct CtLabel {
    labels: u128,
    /// Where derived names are looked up, if they are wanted.
    names: Option<Arc<Names>>,
    report_gone: bool,
}

impl Target for CtLabel {
    fn apply(&self, hit: &Hit<'_>, _: &Sets, wants: &mut Vec<Want>) {
        let mut labels = self.labels;
        if let Some(names) = &self.names {
            let mut take = |name: String| names.get(&name).map(|bit| labels |= 1 << *bit);
            if let Some(tag) = hit.application {
                // The catalogue's tags have a maker's name in front that label files may lack.
                let short = tag.split_once('.').map_or(tag, |(_, short)| short);
                if take(derived("a", tag)).is_none() {
                    take(derived("a", short));
                }
            }
            hit.protocol.and_then(|protocol| take(derived("p", protocol)));
        }
        if labels != 0 {
            wants.push(Want::Labels { labels, report_gone: self.report_gone });
        }
    }
}

/// `Google/Meet/Duo` is `a-google-meet-duo`.
fn derived(kind: &str, name: &str) -> String {
    format!("{kind}-{}", name.to_lowercase().replace('/', "-"))
}

fn parse(object: &Object<'_>, context: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let auto_label = object.flag("auto_label", false);
    let report_gone = object.flag("log_errors", false);
    let mut labels = 0;
    match object.value("labels") {
        None if auto_label => {}
        None => {
            object.missing("labels", "a list of names or bits such as [\"blocked\", 5]");
            return None;
        }
        Some((Value::Array(items), path)) => {
            for (position, item) in items.iter().enumerate() {
                labels |= read(object, context, item, &json::join(&path, &position.to_string()));
            }
        }
        Some((one, path)) => labels = read(object, context, one, &path),
    }
    if labels == 0 && !auto_label {
        let found = "none";
        object.unexpected("labels", "one label or more that can be set", found);
        return None;
    }
    let names = auto_label.then(|| Arc::clone(context.labels.names()));
    if names.as_ref().is_some_and(|names| names.is_empty()) {
        let expected = "a label file with names such as \"a-netflix\" or \"p-quic\"".to_owned();
        let problem = json::Problem::Value { expected, found: "no name".to_owned() };
        object.report(Severity::Warning, object.path_of("auto_label"), problem);
    }
    Some(Box::new(CtLabel { labels, names, report_gone }))
}

/// The label that a value of `labels` means; one that means none is reported and left out.
fn read(object: &Object<'_>, context: &Context<'_>, value: &Value, path: &str) -> u128 {
    let bit = match value {
        Value::String(text) => context.labels.bit(object, text, path),
        Value::Number(number) => {
            context.labels.checked(object, number.as_u64().unwrap_or(u64::MAX), path)
        }
        _ => {
            object.refuse(path.to_owned(), "a name or a bit", &value.to_string());
            None
        }
    };
    bit.map_or(0, |bit| 1 << bit)
}
