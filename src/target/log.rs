//! `log`: writes the flows that match into a file for each interval.

use std::path::PathBuf;
use std::time::Duration;

use super::set::Sets;
use super::stream::StreamSpec;
use super::{Context, Kind, Target, Want};
use crate::effect::{Hit, StreamId};
use crate::json::Object;

/// The kind.
pub static LOG: Kind =
    Kind { name: "log", doc: "writes matching flows into a file per interval", parse };

const FOLDER_DEFAULT: &str = "/tmp";
const PREFIX_DEFAULT: &str = "netify-flow-actions";
const SUFFIX_DEFAULT: &str = ".json";
/// Seconds that records are gathered for.
const INTERVAL_DEFAULT: u64 = 60;
/// A day.
const INTERVAL_MOST: u64 = 86_400;

/// Records every flow that matches; `sink` too.
#[derive(Debug)]
pub(super) struct Record(pub StreamId);

impl Target for Record {
    fn apply(&self, _: &Hit<'_>, _: &Sets, wants: &mut Vec<Want>) {
        wants.push(Want::Record { stream: self.0 });
    }
}

fn parse(object: &Object<'_>, context: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let folder = PathBuf::from(object.text("path").unwrap_or(FOLDER_DEFAULT));
    let interval = object.number("interval", 1, INTERVAL_MOST).unwrap_or(INTERVAL_DEFAULT);
    let prefix = name_part(object, "prefix", PREFIX_DEFAULT);
    let suffix = name_part(object, "suffix", SUFFIX_DEFAULT);
    let (prefix, suffix, interval) = (prefix?, suffix?, Duration::from_secs(interval));
    let spec = StreamSpec::File { folder, prefix, suffix, interval };
    Some(Box::new(Record(context.streams.intern(spec))))
}

/// A part of a file's name.
fn name_part(object: &Object<'_>, key: &'static str, default: &str) -> Option<String> {
    let text = object.text(key).unwrap_or(default);
    if text.chars().any(|c| c == '/' || c.is_control()) {
        object.unexpected(key, "a part of a file's name", &format!("{text:?}"));
        return None;
    }
    Some(text.to_owned())
}
