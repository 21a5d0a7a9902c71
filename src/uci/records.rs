//! What is told of flows and of people: telemetry and privacy in the globals.

use super::model::{Privacy, Telemetry};
use super::section::{Reader, Refused};
use crate::config::RecordKind;
use crate::privacy::Treatment;

/// Its options are read even where it is off, so that their mistakes are known.
pub(super) fn telemetry(reader: &Reader<'_>) -> Result<Option<Telemetry>, Refused> {
    let enabled = reader.flag("telemetry", false);
    let interval = reader.number("telemetry_interval", 1, 3600);
    let words: Vec<(&str, &'static str)> =
        RecordKind::WORDS.iter().map(|(word, _)| (*word, *word)).collect();
    let texts = reader.texts("telemetry_record");
    let records: Result<Vec<&'static str>, Refused> =
        texts.iter().map(|text| reader.word_of("telemetry_record", text, &words)).collect();
    let telemetry = Telemetry { interval: interval?, records: records? };
    Ok(enabled?.then_some(telemetry))
}

pub(super) fn privacy(reader: &Reader<'_>) -> Result<Privacy, Refused> {
    let words: Vec<(&str, &'static str)> =
        Treatment::WORDS.iter().map(|(word, _)| (*word, *word)).collect();
    let hosts = reader.word("privacy_hosts", &words);
    let clients = reader.word("privacy_clients", &words);
    let answers = reader.flag("privacy_answers", false);
    Ok(Privacy { hosts: hosts?, clients: clients?, answers: answers? })
}
