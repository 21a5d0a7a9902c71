//! `telemetry`: which records of all flows are streamed (spec section 3.1), where, and how often.

use std::time::Duration;

use crate::effect::StreamId;
use crate::json::{Object, join};
use crate::spelling;
use crate::target::{self, Streams};

/// Seconds between two `flow_stats` of a flow and between two `agent_status`, as netifyd has them.
const INTERVAL_DEFAULT: u64 = 15;
/// An hour: who wants less asks `nfa metrics`.
const INTERVAL_MOST: u64 = 3600;
/// The name of the socket where nothing says another.
const NAME_DEFAULT: &str = "telemetry";

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A flow has its first name.
    Flow,
    /// What is known of it has changed.
    Update,
    /// Dissection of it is over.
    Complete,
    /// What went over it since the last of these.
    Stats,
    /// It has ended.
    Purge,
    /// How the daemon is.
    Status,
}

impl RecordKind {
    /// `type` of each in the stream.
    pub const WORDS: &'static [(&'static str, RecordKind)] = &[
        ("flow", RecordKind::Flow),
        ("flow_dpi_update", RecordKind::Update),
        ("flow_dpi_complete", RecordKind::Complete),
        ("flow_stats", RecordKind::Stats),
        ("flow_purge", RecordKind::Purge),
        ("agent_status", RecordKind::Status),
    ];

    /// Its `type`.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// What the configuration wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Where to, among the configuration's streams.
    pub stream: StreamId,
    /// Which records; never none.
    pub records: Vec<RecordKind>,
    /// Between two `flow_stats` of a flow.
    pub interval: Duration,
    /// Between two `agent_status`.
    pub status_interval: Duration,
}

impl Telemetry {
    /// Whether records of that kind are wanted.
    pub fn wants(&self, kind: RecordKind) -> bool {
        self.records.contains(&kind)
    }
}

/// Reads it; `None`: nobody wants any, or it was refused.
pub(super) fn read(root: &Object<'_>, streams: &mut Streams) -> Option<Telemetry> {
    let object = root.child("telemetry")?;
    let enabled = object.flag("enabled", true);
    let records = records(&object);
    let seconds = |key| {
        let found = object.number(key, 1, INTERVAL_MOST);
        (found.is_some() || object.value(key).is_none())
            .then(|| Duration::from_secs(found.unwrap_or(INTERVAL_DEFAULT)))
    };
    let (interval, status_interval) = (seconds("interval"), seconds("status_interval"));
    let spec = target::sink(&object, Some(NAME_DEFAULT));
    object.report_unknown_keys();
    let (records, interval, status_interval) = (records?, interval?, status_interval?);
    let spec = spec.filter(|_| enabled)?;
    Some(Telemetry { stream: streams.intern(spec), records, interval, status_interval })
}

/// One word that nobody knows refuses all: whoever reads them would wait for it in vain.
fn records(object: &Object<'_>) -> Option<Vec<RecordKind>> {
    let words = RecordKind::WORDS;
    let Some((_, path)) = object.value("records") else {
        return Some(words.iter().map(|(_, kind)| *kind).collect());
    };
    let texts = object.texts_such_as("records", "the type of a record", "a list of record types");
    let mut wanted = Vec::new();
    let mut wrong = false;
    for (position, (text, _)) in texts.iter().enumerate() {
        match words.iter().find(|(word, _)| word == text) {
            Some((_, kind)) if wanted.contains(kind) => {}
            Some((_, kind)) => wanted.push(*kind),
            None => {
                let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let nearest = spelling::nearest(text, names.iter().copied());
                let hint =
                    nearest.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
                let expected = format!("one of {}", names.join(", "));
                object.refuse(
                    join(&path, &position.to_string()),
                    expected,
                    &format!("\"{text}\"{hint}"),
                );
                wrong = true;
            }
        }
    }
    if texts.is_empty() {
        object.unexpected("records", "one record type or more", "none");
    }
    (!wrong && !wanted.is_empty()).then_some(wanted)
}
