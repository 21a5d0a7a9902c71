//! Sets with their counts, and the members of one.

use serde_json::Value;

use super::health::Health;
use super::request::{Refusal, SetsQuery};
use super::top::{application_tag, protocol_name};
use super::{seconds_since, unix_ms};
use crate::effect::SetId;
use crate::engine::{Engine, Stay};
use crate::json::{Shown, list, object};
use crate::sorted::SortedMap;
use crate::target::{Home, SetSpec, Standing};
use crate::time::Timestamp;

pub(super) fn answer(
    engine: &Engine,
    now: Timestamp,
    query: &SetsQuery,
    health: &Health<'_>,
) -> Result<Value, Refusal> {
    let Some(name) = &query.set else {
        return Ok(object! { "sets": all(engine, health) });
    };
    let ids = named(engine, name)?;
    let mut found: Vec<Stay<'_>> = Vec::new();
    let (mut count, mut more) = (0_usize, false);
    for stay in engine.elements().stays().filter(|stay| ids.contains(&stay.set)) {
        count = count.saturating_add(1);
        if query.cursor.is_none_or(|cursor| u64::from(stay.number) > cursor) {
            if found.len() < query.limit {
                found.push(stay);
            } else {
                more = true;
            }
        }
    }
    let next = found.last().filter(|_| more).map(|stay| stay.number);
    let members = list(found.iter().map(|stay| member(engine, now, stay)));
    Ok(object! {"set": name, "count": count, "members": members, "next": next})
}

/// Numbers of the sets of that name: whole, without its family's suffix, or with its home.
fn named(engine: &Engine, name: &str) -> Result<Vec<SetId>, Refusal> {
    let specs = || engine.live_sets().iter().filter_map(|id| Some((*id, engine.sets().get(*id)?)));
    let is_named = |spec: &SetSpec| {
        spec.name == name
            || spec.name.strip_suffix(spec.family.suffix()) == Some(name)
            || spec.to_string() == name
    };
    let ids: Vec<SetId> = specs().filter(|(_, spec)| is_named(spec)).map(|(id, _)| id).collect();
    if !ids.is_empty() {
        return Ok(ids);
    }
    let nearest = crate::spelling::nearest(name, specs().map(|(_, spec)| spec.name.as_str()));
    let hint = nearest.map_or_else(
        || "; the configuration has none of that name".to_owned(),
        |nearest| format!("; did you mean '{nearest}'?"),
    );
    Err(Refusal::of_key("set", format!("no set '{name}'{hint}")))
}

/// Every set that the present configuration fills.
pub(super) fn all(engine: &Engine, health: &Health<'_>) -> Value {
    let mut counts: SortedMap<SetId, u32> = SortedMap::new();
    for live in engine.elements().iter() {
        counts.change(live.set, |count| *count = count.saturating_add(1));
    }
    let specs = engine.live_sets().iter().filter_map(|id| Some((*id, engine.sets().get(*id)?)));
    let rows = specs.map(|(id, spec)| {
        let elements = counts.get(&id).copied().unwrap_or(0);
        let known = health.sets.get(&id);
        let standing = known.map_or("unknown", |known| match known.standing {
            Standing::Ready => "ready",
            Standing::Missing => "missing",
            Standing::Foreign => "foreign",
            Standing::Unsupported => "unsupported",
        });
        let refused = known.map_or(0, |known| {
            known.refused.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count))
        });
        // Of sets that others made nobody told how much they hold.
        let most = spec.managed.then_some(spec.max_elements);
        let full = known.is_some_and(super::SetHealth::is_full)
            || most.is_some_and(|most| elements >= most);
        object! {
            "name": spec.name,
            "home": home(spec),
            "state": standing,
            "elements": elements,
            "most": most,
            "full": full,
            "fill_percent": most.map(|most| fill(elements, most)),
            "refused": refused,
            "managed": spec.managed,
            "timeout_s": spec.timeout.map(|timeout| timeout.as_secs()),
        }
    });
    list(rows)
}

/// How much of its room a set has taken, in percent.
fn fill(elements: u32, most: u32) -> u64 {
    u64::from(elements).saturating_mul(100).checked_div(most.into()).unwrap_or(100)
}

/// `ipset`, or `nft` with the table.
fn home(spec: &SetSpec) -> String {
    match &spec.home {
        Home::Ipset => "ipset".to_owned(),
        Home::Nft(table) => format!("nft {table}"),
    }
}

/// A member with its times and why it is there.
pub(super) fn member(engine: &Engine, now: Timestamp, stay: &Stay<'_>) -> Value {
    let spec = engine.sets().get(stay.set);
    let because = stay.cause.map(|cause| {
        object! {
            "flow": Shown(&cause.flow()),
            "client": Shown(cause.client()),
            "rule": cause.rule,
            "application": application_tag(engine, cause.application),
            "protocol": protocol_name(cause.protocol.into()),
        }
    });
    object! {
        "set": spec.map(|spec| spec.name.as_str()),
        "home": spec.map(home),
        "member": spec.map_or_else(|| stay.element.to_string(), |spec| spec.show(stay.element)),
        "since": unix_ms(engine, stay.since),
        "age_s": seconds_since(now, stay.since),
        "remaining_s": stay.until.map(|until| seconds_since(until, now)),
        "live_flows": stay.holders,
        "because": because,
    }
}
