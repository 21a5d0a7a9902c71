//! `time_of_day` and `timezone` from the configuration to the sets, in simulated time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nfa::app::Catalogue;
use nfa::config::{self, Config, Severity};
use nfa::effect::Effect;
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::time::Timestamp;
use nfa::wire::{LinkType, decode};

/// A configuration of two actions on BitTorrent: one always, one with that `time_of_day`.
fn config(root: &str, time_of_day: &str) -> (Config, Vec<String>) {
    let text = format!(
        r#"{{ {root}
        "targets": {{
            "all": {{ "target_type": "ipset", "set_name": "all", "ttl": 600 }},
            "night": {{ "target_type": "ipset", "set_name": "night", "ttl": 600 }} }},
        "actions": {{
            "all": {{ "criteria": "protocol == 'bittorrent';", "targets": ["all"] }},
            "night": {{ "criteria": "protocol == 'bittorrent';", "targets": ["night"],
                "time_of_day": {time_of_day} }} }} }}"#
    );
    let (config, findings) =
        config::parse(&text, Path::new("x"), &Catalogue::empty(), Lists::default()).unwrap();
    let told = |found: &config::Finding| {
        let severity = if found.severity == Severity::Error { "error" } else { "warning" };
        let path = found.path.replace("/actions/night/time_of_day", "...");
        format!("{severity} {path}: {}", found.problem)
    };
    let findings = findings.iter().map(told).collect();
    (config, findings)
}

/// Every evening from 21 to 23 o'clock in Rome.
const EVENINGS: &str = r#"[{ "time_start": "21:00", "time_end": "23:00", "policy": "inclusive" }]"#;
const ROME: &str = r#""timezone": "CET-1CEST,M3.5.0,M10.5.0/3","#;

#[test]
fn every_bad_value_is_told_and_refuses_the_action() {
    let days = r#""sun" or "mon" or "tue" or "wed" or "thu" or "fri" or "sat""#;
    for (time_of_day, findings) in [
        ("[]", vec![]),
        (EVENINGS, vec![]),
        (r#"{ "day": "fri", "time_start": "7:30", "time_end": "24:00" }"#, vec![]),
        (r#"[{ "day": ["SAT", "Sun"], "policy": "exclusive" }, {}]"#, vec![]),
        (
            r#"[{ "days": ["sat"] }]"#,
            vec![r#"warning .../0/days: unknown key, ignored; did you mean "day"?"#.to_owned()],
        ),
        (
            r#"[{ "day": ["mon", "monday", 7] }, { "day": [] }, { "day": 1 }]"#,
            vec![
                format!("error .../0/day/1: expected {days}, found \"monday\""),
                "error .../0/day/2: expected a text, found a number".to_owned(),
                "error .../1/day: expected at least one day, found an empty list".to_owned(),
                "error .../2/day: expected a list of texts, found a number".to_owned(),
            ],
        ),
        (
            r#"[{ "time_start": "24:00", "time_end": "24:01" },
                { "time_start": "9", "time_end": "12:60" },
                { "time_start": 9, "time_end": "-1:00", "policy": "never" }]"#,
            vec![
                r#"error .../0/time_start: expected a time from "00:00" to "23:59", found "24:00""#
                    .to_owned(),
                r#"error .../0/time_end: expected a time from "00:00" to "24:00", found "24:01""#
                    .to_owned(),
                r#"error .../1/time_start: expected a time from "00:00" to "23:59", found "9""#
                    .to_owned(),
                r#"error .../1/time_end: expected a time from "00:00" to "24:00", found "12:60""#
                    .to_owned(),
                "error .../2/time_start: expected a text, found a number".to_owned(),
                r#"error .../2/time_end: expected a time from "00:00" to "24:00", found "-1:00""#
                    .to_owned(),
                r#"error .../2/policy: expected "inclusive" or "exclusive", found "never""#
                    .to_owned(),
            ],
        ),
        ("[7, {}]", vec!["error .../0: expected an object, found a number".to_owned()]),
        (r#""night""#, vec!["error ...: expected a list of objects, found a text".to_owned()]),
    ] {
        let (config, found) = config(ROME, time_of_day);
        assert_eq!(found, findings, "{time_of_day}");
        let refused = findings.iter().any(|finding| finding.starts_with("error"));
        let actions = config.policy.actions.len();
        assert_eq!(actions, if refused { 1 } else { 2 }, "{time_of_day}");
    }
    let many = format!("[{}]", vec!["{}"; 65].join(","));
    assert_eq!(config(ROME, &many).1, ["error ...: expected at most 64 entries, found 65"]);
}

#[test]
fn a_zone_that_is_not_there_is_told() {
    let (_, found) = config(r#""timezone": "Europe/Rom","#, EVENINGS);
    assert_eq!(
        found,
        [
            r#"error /timezone: expected a zone such as "Europe/Rome" or "CET-1CEST,M3.5.0,M10.5.0/3", found "Europe/Rom": no file /usr/share/zoneinfo/Europe/Rom, and no built-in zone of that name; did you mean "Europe/Rome"?; the system's zone is used"#
        ]
    );
    let (config, found) = config(r#""timezone": "Asia/Kathmandu","#, EVENINGS);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(config.zone.offset_at(1_800_000_000), 20_700);
}

/// The last minute of the day means its end: the vendor's format has no 24:00.
#[test]
fn a_window_to_the_last_minute_has_no_gap_before_midnight() {
    for (time_of_day, second, active) in [
        (r#"[{ "time_start": "21:00", "time_end": "23:59" }]"#, 86_399, true),
        (r#"[{ "time_start": "21:00", "time_end": "23:59" }]"#, 86_400, false),
        (r#"[{ "time_start": "21:00", "time_end": "23:58" }]"#, 86_399, false),
        (r#"[{ "time_end": "06:00" }]"#, 0, true),
        (r#"[{ "time_start": "06:00" }]"#, 86_399, true),
        (r#"[{ "day": ["fri"] }]"#, 86_400, true),
        (r#"[{ "day": ["fri"] }]"#, 86_399, false),
    ] {
        let (config, _) = config(r#""timezone": "UTC","#, time_of_day);
        let schedule = config.policy.actions[1].schedule.as_ref().unwrap();
        assert_eq!(schedule.is_active(&config.zone, second), active, "{time_of_day} {second}");
    }
}

/// An IPv4 datagram from a LAN client to a BitTorrent node: a DHT ping (BEP 5).
fn ping() -> Vec<u8> {
    let payload = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    let length = |rest: usize| u16::try_from(payload.len() + rest).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0];
    packet.extend(length(28));
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 1, 50, 203, 0, 113, 9]);
    packet.extend([0x1a, 0xe1, 0x1a, 0xe2]);
    packet.extend(length(8));
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

/// An engine with a flow that is kept alive, and what it says to the set `night`.
struct World {
    engine: Engine,
    output: Output,
}

impl World {
    fn new(time_of_day: &str) -> Self {
        let (config, findings) = config(ROME, time_of_day);
        assert!(findings.is_empty(), "{findings:?}");
        let interface = Interface { name: "br-lan".to_owned(), role: Role::Lan };
        let limits = Limits { idle: None, ..Limits::default() };
        let catalogue = Arc::new(Catalogue::empty());
        let engine = Engine::new(config, catalogue, vec![interface], Locality::default(), limits);
        World { engine, output: Output::default() }
    }

    fn packet(&mut self, at: Timestamp) {
        let frame = ping();
        let packet = decode(LinkType::Raw, &frame).unwrap();
        self.engine.packet(at, 0, &packet, &mut self.output);
    }

    /// What was added to and removed from the set `night` since the last time.
    fn told(&mut self) -> Vec<String> {
        let sets = self.engine.sets();
        let mut told = Vec::new();
        for effect in self.output.effects.drain(..) {
            let (word, set, element) = match &effect {
                Effect::Add { set, element, .. } => ("add", set, element),
                Effect::Remove { set, element } => ("remove", set, element),
                Effect::Refresh { .. } => continue,
                other => panic!("{other:?}"),
            };
            let name = &sets.get(*set).unwrap().name;
            told.push(format!("{word} {name} {element}"));
        }
        told
    }

    /// Sleeps from deadline to deadline, as the daemon does, and tells what happened when.
    fn run(&mut self, until: Timestamp) -> Vec<(u64, String)> {
        let mut told = Vec::new();
        for _ in 0..10_000 {
            let Some(next) = self.engine.next_deadline().filter(|next| *next <= until) else {
                return told;
            };
            self.engine.tick(next, &mut self.output);
            told.extend(self.told().into_iter().map(|line| (next.as_secs(), line)));
        }
        panic!("never sleeps");
    }
}

fn secs(seconds: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_secs(seconds))
}

const ADD: &str = "add night.v4 203.0.113.9";
const REMOVE: &str = "remove night.v4 203.0.113.9";

/// Midnight in Rome, Saturday 28 March 2026; that night the clock goes from 2 to 3.
const MIDNIGHT: u64 = 1_774_652_400;
const HOUR: u64 = 3600;

#[test]
fn a_live_flow_is_in_the_set_while_the_window_is_open() {
    let mut world = World::new(EVENINGS);
    let start = secs(MIDNIGHT + 12 * HOUR);
    world.engine.tick(start, &mut world.output);
    world.packet(start);
    assert_eq!(world.told(), ["add all.v4 203.0.113.9"]);
    let told = world.run(secs(MIDNIGHT + 48 * HOUR));
    assert_eq!(
        told,
        [
            (MIDNIGHT + 21 * HOUR, ADD.to_owned()),
            (MIDNIGHT + 23 * HOUR, REMOVE.to_owned()),
            // The day had 23 hours.
            (MIDNIGHT + 44 * HOUR, ADD.to_owned()),
            (MIDNIGHT + 46 * HOUR, REMOVE.to_owned()),
        ]
    );
}

#[test]
fn a_flow_that_ends_in_the_window_takes_its_element_along() {
    let mut world = World::new(EVENINGS);
    let start = secs(MIDNIGHT + 22 * HOUR);
    world.engine.tick(start, &mut world.output);
    world.packet(start);
    assert_eq!(world.told(), ["add all.v4 203.0.113.9", ADD]);
    world.engine.finish(&mut world.output);
    assert_eq!(world.told(), ["remove all.v4 203.0.113.9", REMOVE]);
    assert_eq!(world.run(secs(MIDNIGHT + 30 * HOUR)), []);
}

/// A router boots at an old date, then NTP sets its clock, then somebody puts it back.
#[test]
fn a_clock_that_is_set_is_noticed() {
    let mut world = World::new(EVENINGS);
    let micros = |seconds: u64| i64::try_from(seconds * 1_000_000).unwrap();
    let up = |seconds: u64| secs(40 + seconds);
    world.engine.set_wall_clock(up(0), 0);
    world.engine.tick(up(0), &mut world.output);
    world.packet(up(0));
    assert_eq!(world.told(), ["add all.v4 203.0.113.9"], "1 o'clock of 1 January 1970");
    world.engine.tick(up(1), &mut world.output); // what the flow has taught is looked at
    world.engine.set_wall_clock(up(5), micros(MIDNIGHT + 22 * HOUR));
    assert_eq!(world.engine.next_deadline(), Some(up(5)), "at once");
    assert_eq!(world.run(up(6)), [(45, ADD.to_owned())]);
    // The clock is read again each second, not quite at the same time.
    world.engine.set_wall_clock(up(6), micros(MIDNIGHT + 22 * HOUR + 1) - 20_000);
    assert_eq!(world.run(up(7)), []);
    world.engine.set_wall_clock(up(8), micros(MIDNIGHT + 20 * HOUR));
    assert_eq!(world.run(up(9)), [(48, REMOVE.to_owned())]);
    // And forth, to just before the end of the window.
    world.engine.set_wall_clock(up(10), micros(MIDNIGHT + 23 * HOUR - 7));
    let told = world.run(up(3600));
    assert_eq!(told, [(50, ADD.to_owned()), (57, REMOVE.to_owned())]);
}

#[test]
fn a_reload_brings_its_own_windows() {
    let mut world = World::new(EVENINGS);
    let start = secs(MIDNIGHT + 12 * HOUR);
    world.engine.tick(start, &mut world.output);
    world.packet(start);
    world.told();
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let (noon, _) = config(ROME, r#"[{ "time_start": "11:00", "time_end": "13:00" }]"#);
    let catalogue = Arc::new(Catalogue::empty());
    world.engine.reload(noon, catalogue, interfaces, &mut world.output);
    assert_eq!(world.told(), [ADD]);
    assert_eq!(world.run(secs(MIDNIGHT + 23 * HOUR)), [(MIDNIGHT + 13 * HOUR, REMOVE.to_owned())]);
}
