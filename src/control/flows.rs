//! Live flows: chosen, sorted, a page of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde_json::Value;

use super::request::{Client, FlowsQuery, Refusal, Sort};
use super::{compile, seconds_since, unix_ms};
use crate::engine::Engine;
use crate::flow::{Flow, FlowId, Stage};
use crate::json::{Shown, list, object};
use crate::policy::View;
use crate::time::Timestamp;

pub(super) fn answer(
    engine: &Engine,
    now: Timestamp,
    query: &FlowsQuery,
) -> Result<Value, Refusal> {
    let criteria = match &query.criteria {
        Some(text) => Some(compile(engine, text).map_err(|errors| {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            Refusal::of_key("criteria", first)
        })?),
        None => None,
    };
    let rule = match &query.rule {
        Some(name) => Some(number_of(engine, name)?),
        None => None,
    };
    let mut matching = 0_usize;
    // The best so far, the worst of them first out: work and memory follow the page, not the table.
    let mut best: BinaryHeap<Reverse<(u64, FlowId)>> = BinaryHeap::new();
    for (id, flow) in engine.flows().iter() {
        let view = engine.view(flow);
        let chosen = query.client.is_none_or(|client| is_of(flow, client))
            && rule.is_none_or(|number| flow.stakes.matched().any(|matched| matched == number))
            && query.text.as_deref().is_none_or(|text| has(&view, text))
            && criteria.as_ref().is_none_or(|criteria| criteria.matches(&view));
        if !chosen {
            continue;
        }
        matching = matching.saturating_add(1);
        let place = (key(flow, query.sort), id);
        if query.cursor.is_none_or(|cursor| place < cursor) {
            best.push(Reverse(place));
            if best.len() > query.limit {
                best.pop();
            }
        }
    }
    // Sorted by the reverse of their places: the largest first.
    let page: Vec<(u64, FlowId)> =
        best.into_sorted_vec().into_iter().map(|place| place.0).collect();
    let full = page.len() == query.limit;
    let next = page.last().filter(|_| full).map(|(value, id)| format!("{value}:{id}"));
    let rows = page
        .iter()
        .filter_map(|(_, id)| engine.flows().get(*id).map(|flow| row(engine, now, *id, flow)));
    Ok(object! {
        "live": engine.flows().len(),
        "matching": matching,
        "flows": list(rows),
        "next": next,
    })
}

/// A flow in a few words.
pub(super) fn row(engine: &Engine, now: Timestamp, id: FlowId, flow: &Flow) -> Value {
    let view = engine.view(flow);
    let [sent, got] = view.local_first(flow.bytes);
    object! {
        "id": Shown(id),
        "transport": Shown(flow.key.transport()),
        "local_ip": Shown(flow.local().addr),
        "local_port": flow.local().port,
        "local_mac": flow.local_mac().map(Shown),
        "other_ip": Shown(flow.other().addr),
        "other_port": flow.other().port,
        "interface": view.interface.name,
        "protocol": view.protocol().map(|protocol| protocol.name),
        "application": view.app().map(|app| app.tag),
        "category": view.app().map(|app| app.category.tag),
        "host": host(&view),
        "decided": flow.detection.stage == Stage::Decided,
        "local_bytes": sent,
        "other_bytes": got,
        "packets": packets(flow),
        "first_seen_at": unix_ms(engine, flow.first_seen),
        "age_s": seconds_since(now, flow.first_seen),
        "idle_s": seconds_since(now, flow.last_seen),
        "rules": rules(engine, flow),
    }
}

/// Names of the actions that match a flow.
pub(super) fn rules(engine: &Engine, flow: &Flow) -> Value {
    let names = flow.stakes.matched().filter_map(|number| engine.rules().get(usize::from(number)));
    list(names.map(|rule| Value::from(&*rule.name)))
}

/// The name that a flow is for: its own, else what DNS said.
pub(super) fn host<'v>(view: &View<'v>) -> Option<&'v str> {
    let own = view.facts().and_then(|facts| facts.host.as_deref());
    own.or(view.flow.detection.hint.as_deref())
}

fn packets(flow: &Flow) -> u64 {
    let [a, b] = flow.packets.map(u64::from);
    a.saturating_add(b)
}

fn key(flow: &Flow, sort: Sort) -> u64 {
    match sort {
        Sort::Newest => flow.first_seen.as_micros(),
        Sort::Seen => flow.last_seen.as_micros(),
        Sort::Bytes => flow.bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
        Sort::Packets => packets(flow),
    }
}

/// Whether a flow is that client's.
pub(super) fn is_of(flow: &Flow, client: Client) -> bool {
    match client {
        Client::Addr(addr) => flow.local().addr == addr,
        Client::Mac(mac) => flow.local_mac() == Some(mac),
    }
}

/// Whether something of a flow has that text, which is in lower case.
pub(super) fn has(view: &View<'_>, text: &str) -> bool {
    let in_names = |name: &str| name.to_lowercase().contains(text);
    host(view).is_some_and(in_names)
        || view.app().is_some_and(|app| in_names(app.tag) || in_names(app.category.tag))
        || view.protocol().is_some_and(|protocol| in_names(protocol.name))
        || view.addrs().iter().any(|addr| addr.to_string().contains(text))
}

fn number_of(engine: &Engine, name: &str) -> Result<u16, Refusal> {
    let found = engine.rules().iter().position(|rule| &*rule.name == name);
    found.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| {
        let names = engine.rules().iter().map(|rule| &*rule.name);
        let nearest = crate::spelling::nearest(name, names);
        let hint = nearest.map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
        Refusal::of_key("rule", format!("no action '{name}'{hint}"))
    })
}
