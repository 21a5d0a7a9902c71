//! What happened lately: volumes of the last minutes, and which flows matched which actions.

use serde_json::Value;

use super::health::{HISTORY_INTERVAL, Health};
use super::queries::MatchesQuery;
use super::top::{application_tag, protocol_name};
use super::{seconds_since, unix_ms};
use crate::engine::Engine;
use crate::json::{Shown, list, object};
use crate::time::Timestamp;

/// Volumes between each two moments that are kept.
pub(super) fn history(engine: &Engine, health: &Health<'_>) -> Value {
    let moments = health.rates.moments();
    let rows = moments.clone().zip(moments.skip(1)).map(|(before, moment)| {
        let [sent, got] = moment.bytes;
        let [sent_before, got_before] = before.bytes;
        object! {
            "at": unix_ms(engine, moment.at),
            "local_bytes": sent.saturating_sub(sent_before),
            "other_bytes": got.saturating_sub(got_before),
            "flows": moment.flows,
        }
    });
    object! {"interval_s": HISTORY_INTERVAL.as_secs(), "rows": list(rows)}
}

/// The newest matches of actions.
pub(super) fn matches(engine: &Engine, now: Timestamp, query: &MatchesQuery) -> Value {
    let found = engine.matches_below(query.cursor.unwrap_or(u64::MAX)).filter(|found| {
        query.rule.as_deref().is_none_or(|rule| *found.rule == *rule)
            && query.client.is_none_or(|client| found.local.addr == client)
    });
    let mut found: Vec<_> = found.take(query.limit.saturating_add(1)).collect();
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| more).map(|last| last.number);
    let rows = found.iter().map(|found| {
        object! {
            "number": found.number,
            "at": unix_ms(engine, found.at),
            "age_s": seconds_since(now, found.at),
            "rule": found.rule,
            "flow": engine.flows().get(found.id).map(|_| Shown(found.id)),
            "transport": Shown(found.transport),
            "local_ip": Shown(found.local.addr),
            "local_port": found.local.port,
            "other_ip": Shown(found.other.addr),
            "other_port": found.other.port,
            "application": application_tag(engine, found.application),
            "protocol": protocol_name(found.protocol),
            "host": found.host,
        }
    });
    object! {"count": engine.matches_count(), "next": next, "matches": list(rows)}
}
