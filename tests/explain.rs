//! What explanations say is what evaluation does: the same actions match, for the reasons told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::capture::CaptureFile;
use nfa::config::{self, Config};
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::{Flow, Locality};
use nfa::interface::{Interface, Role};
use nfa::lists::Lists;
use nfa::policy::{Obstacle, Policy, Timetable, View};
use nfa::wire;

/// Criteria that some flows of tests/pcap match, in several shapes.
const EXPRESSIONS: &[&str] = &[
    "*",
    "protocol == 'bittorrent';",
    "app == 'youtube';",
    "pi:5",
    "!ai:youtube",
    "category == 'social-media' && !(app == 'twitter');",
    "other_type == other_remote;",
    "ip_version == 6 || other_port == 443;",
    "detected_hostname == 'rx:example|insta';",
    "detection_guessed || !application;",
    "tls_version == 0x0304 && tls_alpn != 'h2';",
    "local_ip == 192.168.0.0/16;",
    "app == 'no such application';",
    "risks;",
];
const INTERFACES: &[&str] = &["*", "*", "lan", "wan", "br-lan", "eth1"];

/// Numbers that look random and never change (Numerical Recipes' generator).
struct Dice(u32);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % sides
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.throw(of.len())]
    }

    fn some(&mut self, most: usize) -> Vec<&'static str> {
        (0..self.throw(most + 1)).map(|_| self.pick(&EXPRESSIONS[1..])).collect()
    }

    fn config(&mut self) -> serde_json::Value {
        let mut actions = serde_json::Map::new();
        for number in 0..1 + self.throw(6) {
            let action = serde_json::json!({
                "enabled": self.throw(6) > 0,
                "interface": self.pick(INTERFACES),
                "criteria": [self.pick(EXPRESSIONS), self.pick(EXPRESSIONS)],
                "exemptions": self.some(2),
                "halt_on_match": self.throw(4) == 0,
                "priority": self.throw(3),
            });
            actions.insert(format!("action-{number}"), action);
        }
        let exemptions = if self.throw(3) == 0 { self.some(2) } else { Vec::new() };
        serde_json::json!({ "actions": actions, "exemptions": exemptions })
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every flow of every capture in tests/pcap.
fn flows(catalogue: &Arc<Catalogue>) -> Vec<Flow> {
    let mut flows = Vec::new();
    for entry in fs::read_dir(root().join("tests/pcap")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "pcap") {
            continue;
        }
        let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
        let limits = Limits { keep_ended: true, ..Limits::default() };
        let (config, locality) = (Config::default(), Locality::default());
        let mut engine = Engine::new(config, Arc::clone(catalogue), interfaces, locality, limits);
        let mut file = CaptureFile::open(&path).unwrap();
        let mut output = Output::default();
        while let Some(frame) = file.next_frame().unwrap() {
            let packet = wire::decode(frame.link, frame.bytes).unwrap();
            engine.packet(frame.at, 0, &packet, &mut output);
        }
        engine.finish(&mut output);
        flows.extend(output.ended.into_iter().map(|ended| ended.flow));
    }
    assert!(flows.len() > 30);
    flows
}

/// The checks of spec section 1.3, written down a second time.
fn obstacle(
    policy: &Policy,
    number: usize,
    view: &View<'_>,
    halted: Option<usize>,
) -> Option<Obstacle> {
    let action = &policy.actions[number];
    let holds = |criteria: &nfa::criteria::Criteria| criteria.matches(view);
    let exempt = policy.exemptions.iter().position(holds);
    let own = action.exemptions.iter().position(holds);
    if !action.enabled {
        Some(Obstacle::Disabled)
    } else if let Some(by) = halted {
        Some(Obstacle::Halted(by))
    } else if !action.interface.holds(view.interface) {
        Some(Obstacle::Interface)
    } else if let Some(number) = exempt {
        Some(Obstacle::Exempt(number))
    } else if let Some(number) = own {
        Some(Obstacle::OwnExemption(number))
    } else if !holds(&action.criteria) {
        Some(Obstacle::Criteria)
    } else {
        None
    }
}

fn compare(config: &Config, view: &View<'_>, seen: &mut [u32; 7]) {
    let policy = &config.policy;
    let timetable = Timetable::new(policy, &config.zone, 0);
    let matching = policy.matches(view, &timetable).map(|(number, _)| number);
    let matching: Vec<usize> = matching.collect();
    let explained = policy.explain(view, &timetable);
    assert_eq!(explained.len(), policy.actions.len());
    let mut halted = None;
    for (number, explained) in explained.iter().enumerate() {
        let expected = obstacle(policy, number, view, halted);
        assert_eq!(explained.obstacle, expected, "{number} of {policy:?}");
        assert_eq!(matching.contains(&number), expected.is_none());
        assert!(std::ptr::eq(explained.action, &policy.actions[number]));
        if expected.is_none() && explained.action.halt_on_match {
            halted = Some(number);
        }
        let kind = match expected {
            None => 0,
            Some(Obstacle::Disabled) => 1,
            Some(Obstacle::Halted(_)) => 2,
            Some(Obstacle::Interface) => 3,
            Some(Obstacle::Exempt(_)) => 4,
            Some(Obstacle::OwnExemption(_)) => 5,
            Some(Obstacle::Criteria) => 6,
            Some(Obstacle::Schedule) => panic!("no action here has a schedule"),
        };
        seen[kind] += 1;
        assert_eq!(explained.decided_by.is_some(), matches!(kind, 0 | 4 | 5 | 6));
        if let Some(decisive) = &explained.decided_by {
            assert_eq!(decisive.explanation.matched, kind != 6);
            assert!(decisive.explanation.tests.iter().any(|test| test.decided));
        }
    }
}

#[test]
fn explanation_and_evaluation_agree_on_every_flow() {
    let (catalogue, _) = Catalogue::load(&root().join("files/usr/share/nfa/apps.d"));
    let catalogue = Arc::new(catalogue);
    let flows = flows(&catalogue);
    let interfaces = [("br-lan", Role::Lan), ("eth1", Role::Wan)]
        .map(|(name, role)| Interface { name: name.to_owned(), role });
    let mut dice = Dice(20_250_801);
    let mut seen = [0; 7];
    for _ in 0..300 {
        let text = dice.config().to_string();
        let (config, _) =
            config::parse(&text, Path::new("random"), &catalogue, Lists::default()).unwrap();
        assert!(!config.policy.actions.is_empty(), "{text}");
        for (flow, interface) in
            flows.iter().flat_map(|flow| interfaces.iter().map(move |i| (flow, i)))
        {
            let view = View {
                flow,
                catalogue: &catalogue,
                lists: &config.lists,
                interface,
                unix_ahead_us: 0,
            };
            compare(&config, &view, &mut seen);
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}
