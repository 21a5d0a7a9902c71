//! What a reader of telemetry is told: the records of spec section 3.1, of all flows.
//!
//! Packets know nothing of it. While somebody reads, the table is looked through once a second, a
//! bounded part at a time, and what has changed since is told; flows that end are told as they end.
//! A reader that comes when there was none gets all live flows first.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::{Usage, VERSION, seconds_since, unix_ms};
use crate::config::{RecordKind, Telemetry};
use crate::effect::{Effect, StreamId};
use crate::engine::{Ended, Engine, Reason};
use crate::flow::{FlowKey, Stage};
use crate::interface::Role;
use crate::json::{insert, object, put};
use crate::policy::View;
use crate::privacy;
use crate::record;
use crate::sys;
use crate::time::Timestamp;

/// Places of the flow table that are looked at in a round: all of a table of the default size.
const PLACES_PER_ROUND: usize = 8192;
/// Places between two looks at the number of records.
const PLACES_AT_ONCE: usize = 64;
/// Records of one round. A sink keeps some 350 for a reader, so many more at once would only get it
/// dropped.
const RECORDS_PER_ROUND: usize = 128;
/// Records of flows that ended since the last round: a flood of one-packet flows is not worth more.
const ENDED_PER_ROUND: usize = 256;

/// What readers know of a flow.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// A later flow of the same ends is another one.
    first_seen: Timestamp,
    /// Of what is known of it.
    print: u64,
    complete: bool,
    /// When counters were told last, and what they were: the LAN side's first.
    at: Timestamp,
    packets: [u32; 2],
    bytes: [u64; 2],
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Teller {
    told: HashMap<FlowKey, Told>,
    /// The next place of the table to be looked at.
    next: usize,
    status_at: Option<Timestamp>,
    /// Records of ended flows in this round.
    ended: usize,
    /// Those that were left out.
    left_out: u32,
}

/// One call's surroundings.
struct Round<'a> {
    engine: &'a Engine,
    wanted: &'a Telemetry,
    stream: StreamId,
    now: Timestamp,
    out: &'a mut Vec<Effect>,
}

impl Round<'_> {
    fn push(&mut self, record: Value) {
        self.out.push(Effect::Record { stream: self.stream, record: Box::new(record) });
    }

    fn push_flow(
        &mut self,
        kind: RecordKind,
        view: &View<'_>,
        flow: Value,
        reason: Option<Reason>,
    ) {
        if !self.wanted.wants(kind) {
            return;
        }
        let mut record = object! {
            "type": kind.word(),
            "interface": view.interface.name,
            "internal": view.interface.role == Role::Lan,
            "flow": flow,
        };
        if let Some(reason) = reason {
            let word = if reason == Reason::Closed { "closed" } else { "expired" };
            insert(&mut record, "reason", &word);
        }
        self.push(record);
    }
}

/// The stream of the configuration's telemetry, as effects name it.
pub fn telemetry_stream(engine: &Engine) -> Option<StreamId> {
    let wanted = engine.config().telemetry.as_ref()?;
    engine.live_streams().get(usize::from(wanted.stream.0)).copied()
}

impl Teller {
    /// Tells what is new of live flows, and how the daemon is; called about once a second.
    pub fn round(
        &mut self,
        engine: &Engine,
        now: Timestamp,
        (started, usage): (Timestamp, Usage),
        out: &mut Vec<Effect>,
    ) {
        self.ended = 0;
        let Some(wanted) = &engine.config().telemetry else { return };
        let Some(stream) = telemetry_stream(engine) else { return };
        let mut round = Round { engine, wanted, stream, now, out };
        let due = self.status_at.is_none_or(|at| now.since(at) >= wanted.status_interval);
        if due && wanted.wants(RecordKind::Status) {
            self.status_at = Some(now);
            let record = self.agent_status(engine, now, started, usage, wanted);
            round.push(record);
        }
        let table = engine.flows();
        let before = round.out.len();
        let mut looked_at = 0_usize;
        while looked_at < table.places().min(PLACES_PER_ROUND)
            && round.out.len().saturating_sub(before) < RECORDS_PER_ROUND
        {
            for (_, flow) in table.page(self.next, PLACES_AT_ONCE) {
                if flow.detection.stage != Stage::Undecided {
                    self.tell(&engine.view(flow), None, &mut round);
                }
            }
            looked_at = looked_at.saturating_add(PLACES_AT_ONCE);
            self.next = self.next.saturating_add(PLACES_AT_ONCE);
            if self.next >= table.places() {
                self.next = 0;
            }
        }
        // What ended untold (a reload that changed the table) is forgotten here.
        if self.told.len() > table.limit().saturating_mul(2) {
            self.told.retain(|key, _| table.find(key).is_some());
        }
    }

    /// Tells of flows that have ended: what was not told of them, and their end.
    pub fn ended(
        &mut self,
        engine: &Engine,
        now: Timestamp,
        ended: &[Ended],
        out: &mut Vec<Effect>,
    ) {
        let Some(wanted) = &engine.config().telemetry else { return };
        let Some(stream) = telemetry_stream(engine) else { return };
        let mut round = Round { engine, wanted, stream, now, out };
        for Ended { flow, reason, .. } in ended {
            let before = round.out.len();
            if self.ended >= ENDED_PER_ROUND && !self.told.contains_key(&flow.key.whole()) {
                self.left_out = self.left_out.saturating_add(1);
                continue;
            }
            self.tell(&engine.view(flow), Some(*reason), &mut round);
            self.ended = self.ended.saturating_add(round.out.len().saturating_sub(before));
        }
    }

    fn tell(&mut self, view: &View<'_>, end: Option<Reason>, round: &mut Round<'_>) {
        let flow = view.flow;
        let key = flow.key.whole();
        let known = self.told.get(&key).copied();
        let known = known.filter(|told| told.first_seen == flow.first_seen);
        let print = print(view);
        let is_over = flow.detection.stage == Stage::Decided || end.is_some();
        let nothing = Told {
            first_seen: flow.first_seen,
            print,
            complete: false,
            at: flow.first_seen,
            packets: [0; 2],
            bytes: [0; 2],
        };
        let mut told = known.unwrap_or(nothing);
        if known.is_none() {
            round.push_flow(RecordKind::Flow, view, metadata(view, round.engine), None);
        } else if told.print != print && (told.complete || !is_over) {
            round.push_flow(RecordKind::Update, view, metadata(view, round.engine), None);
        }
        if is_over && !told.complete {
            round.push_flow(RecordKind::Complete, view, metadata(view, round.engine), None);
            told.complete = true;
        }
        told.print = print;
        let more = view.local_first(flow.packets) != told.packets;
        let due = round.now.since(told.at) >= round.wanted.interval;
        if let Some(reason) = end {
            let counters = counters(view, &told, round);
            round.push_flow(RecordKind::Purge, view, counters, Some(reason));
            self.told.remove(&key);
            return;
        }
        if due && more {
            let counters = counters(view, &told, round);
            round.push_flow(RecordKind::Stats, view, counters, None);
            told.at = round.now;
            told.packets = view.local_first(flow.packets);
            told.bytes = view.local_first(flow.bytes);
        }
        self.told.insert(key, told);
    }

    /// The daemon's own record; numbers since its start.
    fn agent_status(
        &self,
        engine: &Engine,
        now: Timestamp,
        started: Timestamp,
        usage: Usage,
        wanted: &Telemetry,
    ) -> Value {
        let counters = engine.counters();
        let live = u32::try_from(engine.flows().len()).unwrap_or(u32::MAX);
        object! {
            "type": RecordKind::Status.word(),
            "agent_version": VERSION,
            "timestamp": unix_ms(engine, now) / 1000,
            "uptime": seconds_since(now, started),
            "update_interval": wanted.status_interval.as_secs(),
            "cpu_cores": sys::cores(),
            "cpu_user": usage.cpu_centis.saturating_sub(usage.system_centis) / 100,
            "cpu_system": usage.system_centis / 100,
            "flow_count": live,
            "flows_active": live,
            "flows_in_use": live,
            "flows_expired": counters.flows.wrapping_sub(live),
            "flows_purged": counters.evicted,
            "memrss_kb": usage.resident_kib,
            "maxrss_kb": usage.peak_kib,
            "dhc_status": true,
            "dhc_size": engine.hints().len(),
            "records_left_out": self.left_out,
        }
    }
}

/// What is known of a flow, in a number that is another when something else is known.
fn print(view: &View<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    view.protocol().map(|protocol| protocol.id).hash(&mut hasher);
    view.app().map(|app| app.id).hash(&mut hasher);
    let facts = view.facts();
    facts.map(|facts| (&facts.host, facts.details.len())).hash(&mut hasher);
    (view.flow.detection.source().name(), view.domain_categories()).hash(&mut hasher);
    hasher.finish()
}

/// Keys of counters, which records of their own tell.
const COUNTERS: &[&str] = &[
    "local_packets",
    "other_packets",
    "total_packets",
    "local_bytes",
    "other_bytes",
    "total_bytes",
];

fn metadata(view: &View<'_>, engine: &Engine) -> Value {
    let mut record = record::flow(view);
    if let Value::Object(fields) = &mut record {
        fields.retain(|key, _| !COUNTERS.contains(&key.as_str()));
        privacy::treat(fields, engine.config().privacy);
        stamp(fields, view, engine);
    }
    record
}

/// What tells a flow's records from those of others, and its times by the clock of the wall.
fn stamp(fields: &mut Map<String, Value>, view: &View<'_>, engine: &Engine) {
    let flow = view.flow;
    let [from, to] = flow.ends();
    let (transport, began) = (flow.key.transport(), flow.first_seen.as_micros());
    let name = format!("{transport} {from} {to} {began} {}", view.interface.name);
    if let Some(digest) = privacy::digest(&name) {
        put(fields, "digest", &digest);
    }
    put(fields, "first_seen_at", &unix_ms(engine, flow.first_seen));
    put(fields, "last_seen_at", &unix_ms(engine, flow.last_seen));
}

/// Counters: `local_` and `other_` since they were told last, `total_` since the flow began.
fn counters(view: &View<'_>, told: &Told, round: &Round<'_>) -> Value {
    let packets = view.local_first(view.flow.packets);
    let bytes = view.local_first(view.flow.bytes);
    let [local_packets, other_packets] =
        [0, 1].map(|side| difference(packets.map(u64::from), told.packets.map(u64::from), side));
    let [local_bytes, other_bytes] = [0, 1].map(|side| difference(bytes, told.bytes, side));
    // Whole bytes a second; of less than a second as if it had been one.
    let past = round.now.since(told.at).as_millis().max(1000);
    let rate = |bytes: u64| {
        let rate = u128::from(bytes).saturating_mul(1000).checked_div(past);
        rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
    };
    let sum = |of: [u64; 2]| of.into_iter().fold(0_u64, u64::saturating_add);
    let mut record = object! {
        "local_packets": local_packets,
        "other_packets": other_packets,
        "total_packets": sum(packets.map(u64::from)),
        "local_bytes": local_bytes,
        "other_bytes": other_bytes,
        "total_bytes": sum(bytes),
        "local_rate": rate(local_bytes),
        "other_rate": rate(other_bytes),
        "detection_packets": view.flow.detection.packets,
    };
    if let Value::Object(fields) = &mut record {
        stamp(fields, view, round.engine);
    }
    record
}

fn difference(now: [u64; 2], before: [u64; 2], side: usize) -> u64 {
    let of = |sides: [u64; 2]| sides.get(side).copied().unwrap_or(0);
    of(now).saturating_sub(of(before))
}
