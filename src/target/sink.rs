//! `sink`: streams the flows that match to whoever reads a Unix socket, or to syslog.
//!
//! The published format names an instance of a sink and a channel of it, which are configured
//! elsewhere; here both make the name of a socket, unless `path` says which.

use std::path::PathBuf;

use super::log::Record;
use super::stream::StreamSpec;
use super::{Context, Kind, Target};
use crate::json::{Object, Problem, Severity};

/// The kind.
pub static SINK: Kind =
    Kind { name: "sink", doc: "streams matching flows to a Unix socket or to syslog", parse };

/// Where sockets are that no path was given for.
const FOLDER: &str = "/var/run/nfa";
/// The sink that is syslog.
const SYSLOG: &str = "syslog";
/// Most lines a minute in syslog, which others use too; and what can be asked for.
const RATE_DEFAULT: u32 = 600;
const RATE_MOST: u64 = 60_000;
/// Longest path of a socket in bytes: `sun_path` without the zero byte (unix(7)).
const PATH_BYTES_MAX: usize = 107;

fn parse(object: &Object<'_>, context: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let spec = stream(object, None)?;
    Some(Box::new(Record(context.streams.intern(spec))))
}

/// The stream that an object names by `sink` and `channel` or by `path`; `default`: the sink where it
/// names none. `None`: it is refused, which is among the findings.
pub fn stream(object: &Object<'_>, default: Option<&str>) -> Option<StreamSpec> {
    let (sink, channel) = (object.text("sink"), object.text("channel"));
    let (path, rate) = (object.text("path"), object.number("rate", 1, RATE_MOST));
    if sink == Some(SYSLOG) {
        let per_minute = rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(RATE_DEFAULT);
        return Some(StreamSpec::Syslog { per_minute });
    }
    if rate.is_some() {
        let expected = "none: only the sink \"syslog\" has one".to_owned();
        let problem = Problem::Value { expected, found: "a rate, ignored".to_owned() };
        object.report(Severity::Warning, object.path_of("rate"), problem);
    }
    Some(StreamSpec::Socket { path: socket(object, path, sink.or(default), channel)? })
}

fn socket(
    object: &Object<'_>,
    path: Option<&str>,
    sink: Option<&str>,
    channel: Option<&str>,
) -> Option<PathBuf> {
    let (key, path) = match (path, sink) {
        (Some(path), _) => ("path", PathBuf::from(path)),
        (None, Some(sink)) => {
            for (key, name) in [("sink", Some(sink)), ("channel", channel)] {
                let wrong = |name: &&str| name.contains('/') || name.contains('\0');
                if let Some(name) = name.filter(wrong) {
                    object.unexpected(key, "a name, not a path", &format!("{name:?}"));
                    return None;
                }
            }
            let channel = channel.map_or(String::new(), |channel| format!(".{channel}"));
            ("sink", PathBuf::from(FOLDER).join(format!("{sink}{channel}.sock")))
        }
        (None, None) => {
            object.missing("sink", "a name, \"syslog\", or the \"path\" of a socket");
            return None;
        }
    };
    if !path.is_absolute() || path.as_os_str().len() > PATH_BYTES_MAX {
        let expected = format!("an absolute path of at most {PATH_BYTES_MAX} bytes");
        object.unexpected(key, expected, &format!("\"{}\"", path.display()));
        return None;
    }
    Some(path)
}
