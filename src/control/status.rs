//! How the daemon is, in one object; and what it found wrong.

use serde_json::{Map, Value};

use super::health::{Entry, Health, hint};
use super::request::TopBy;
use super::{seconds_since, sets, top, unix_ms};
use crate::engine::{By, Engine};
use crate::interface::Role;
use crate::json::{list, object, put};
use crate::time::Timestamp;

/// Rows of each list of shares.
const SHARES: usize = 8;
/// Most rules that are told: more than people write.
const RULES_MAX: usize = 256;

pub(super) fn answer(engine: &Engine, now: Timestamp, health: &Health<'_>) -> Value {
    let counters = engine.counters();
    let config = engine.config();
    let pace = health.rates.pace();
    let findings = &health.findings.lines;
    let errors = findings.iter().filter(|(is_error, _)| *is_error).count();
    let last = |is_error| {
        let newest = health.journal.newest().find(|entry| entry.is_error == is_error);
        newest.map(|newest| entry(engine, now, newest))
    };
    let mut lost = Map::new();
    for (kind, count) in &health.lost {
        put(&mut lost, kind, count);
    }
    object! {
        "version": super::VERSION,
        "pid": health.pid,
        "now": unix_ms(engine, now),
        "uptime_s": seconds_since(now, health.started),
        "config": object! {
            "path": health.config_path,
            "loaded": unix_ms(engine, health.loaded),
            "actions": config.policy.actions.len(),
            "targets": config.targets.len(),
            "errors": errors,
            "warnings": findings.len().saturating_sub(errors),
            "refused": health.findings.failed,
        },
        "interfaces": list(health.interfaces.iter().map(|source| {
            let [received, dropped, interface_dropped] = source.frames;
            let role = Role::WORDS.iter().find(|(_, role)| *role == source.role);
            object! {
                "name": source.name,
                "role": role.map(|(word, _)| *word),
                "capturing": source.trouble.is_none(),
                "trouble": source.trouble,
                "filter": source.filter,
                "received": received,
                "dropped": dropped,
                "interface_dropped": interface_dropped,
            }
        })),
        "pace": object! {
            "packets_per_s": tenths(pace.packets_tenths),
            "flows_per_s": tenths(pace.flows_tenths),
            "cpu_percent": tenths(pace.cpu_permille),
            "over_s": pace.seconds,
        },
        "packets": object! {
            "read": counters.packets,
            "filtered": health.filtered,
            "undecodable": health.undecodable,
        },
        "flows": object! {
            "live": engine.flows().len(),
            "most": engine.flows().limit(),
            "begun": counters.flows,
            "named": counters.named,
            "unknown": counters.unknown,
            "evicted": counters.evicted,
            "cut_short": counters.cut_short,
        },
        "names": object! {
            "dns_answers": engine.hints().len(),
            "bittorrent_endpoints": engine.swarm().len(),
        },
        "memory": object! {
            "resident_kib": health.usage.resident_kib,
            "peak_kib": health.usage.peak_kib,
        },
        "cpu_s": tenths(health.usage.cpu_centis / 10),
        "applications": shares(engine, By::Application),
        "protocols": shares(engine, By::Protocol),
        "clients": shares(engine, By::Client),
        "netfilter": health.has_netfilter,
        "refused_changes": health.refused,
        "lost": lost,
        "sets": sets::all(engine, health),
        "rules": rules(engine, now),
        "last_error": last(true),
        "last_warning": last(false),
    }
}

/// A number with one decimal.
fn tenths(tenths: u64) -> Value {
    if tenths.is_multiple_of(10) {
        return (tenths / 10).into();
    }
    // Written out, since nothing here counts in floating point.
    let number = format!("{}.{}", tenths / 10, tenths % 10).parse();
    number.map_or(Value::Null, Value::Number)
}

fn shares(engine: &Engine, by: By) -> Value {
    let (rows, total) = top::largest(engine, TopBy::Each(by), None, SHARES);
    let rows = rows.into_iter().map(|(name, _, volume)| {
        let share = volume.total().saturating_mul(1000).checked_div(total.total()).unwrap_or(0);
        object! {
            "name": name,
            "flows": volume.flows,
            "live": volume.live,
            "bytes": volume.total(),
            "percent": tenths(share),
        }
    });
    list(rows)
}

fn rules(engine: &Engine, now: Timestamp) -> Value {
    let mut live = vec![0_u32; engine.rules().len()];
    for number in engine.flows().iter().flat_map(|(_, flow)| flow.stakes.matched()) {
        if let Some(count) = live.get_mut(usize::from(number)) {
            *count = count.saturating_add(1);
        }
    }
    let actions = engine.config().policy.actions.iter().enumerate();
    let rows = actions.zip(engine.rules()).zip(live).take(RULES_MAX);
    let rows = rows.map(|(((number, action), rule), live)| {
        object! {
            "name": action.name,
            "enabled": action.enabled,
            "in_force": action.enabled && engine.is_in_force(number),
            "matches": rule.matches,
            "live": live,
            "last": rule.last.map(|at| unix_ms(engine, at)),
            "last_s": rule.last.map(|at| seconds_since(now, at)),
        }
    });
    list(rows)
}

fn entry(engine: &Engine, now: Timestamp, entry: &Entry) -> Value {
    object! {
        "at": unix_ms(engine, entry.at),
        "age_s": seconds_since(now, entry.at),
        "severity": if entry.is_error { "error" } else { "warning" },
        "message": entry.line,
        "count": entry.count,
        "hint": hint(&entry.line),
    }
}

/// What is wrong in the configuration, and the newest errors and warnings.
pub(super) fn findings(
    engine: &Engine,
    now: Timestamp,
    health: &Health<'_>,
    limit: usize,
) -> Value {
    let of_config = health.findings.lines.iter().take(limit).map(|(is_error, line)| {
        object! {"severity": if *is_error { "error" } else { "warning" }, "message": line}
    });
    let newest = health.journal.newest().take(limit).map(|found| entry(engine, now, found));
    object! {
        "config": object! {
            "path": health.config_path,
            "refused": health.findings.failed,
            "count": health.findings.lines.len(),
            "findings": list(of_config),
        },
        "log": list(newest),
    }
}
