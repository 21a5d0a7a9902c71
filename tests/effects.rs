//! Captures with what they must cause under the headline configuration: `tests/pcap/effects.txt`.
//!
//! With NFA_BLESS=1 the file is written anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::capture::CaptureFile;
use nfa::config::{self, Loaded};
use nfa::effect::Effect;
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::wire;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> Catalogue {
    let (catalogue, findings) = Catalogue::load(&root().join("files/usr/share/nfa/apps.d"));
    assert!(findings.is_empty(), "{findings:?}");
    catalogue
}

fn engine() -> Engine {
    let catalogue = catalogue();
    let path = root().join("docs/examples/headline.json");
    let Loaded { config, findings, .. } = config::load(&path, &catalogue).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let interfaces = vec![Interface { name: "br-lan".to_owned(), role: Role::Lan }];
    let limits = Limits { keep_ended: true, ..Limits::default() };
    Engine::new(config, Arc::new(catalogue), interfaces, Locality::default(), limits)
}

/// Flows by what they are, then the set changes in their order.
fn told(path: &Path) -> String {
    let mut engine = engine();
    let mut output = Output::default();
    let mut file = CaptureFile::open(path).unwrap();
    let mut packet_number = 0;
    let mut text = String::new();
    let mut write_changes = |engine: &Engine, output: &mut Output, number: u32| {
        for effect in output.effects.drain(..) {
            let (sign, set, element) = match &effect {
                Effect::Add { set, element, .. } => ("+", set, element),
                Effect::Refresh { set, element, .. } => ("~", set, element),
                Effect::Remove { set, element } => ("-", set, element),
                other => panic!("the headline configuration has sets only, {other:?}"),
            };
            let name = &engine.sets().get(*set).unwrap().name;
            writeln!(text, "  packet {number}: {sign} {name} {element}").unwrap();
        }
    };
    while let Some(frame) = file.next_frame().unwrap() {
        packet_number += 1;
        engine.tick(frame.at, &mut output);
        let packet = wire::decode(frame.link, frame.bytes).unwrap();
        engine.packet(frame.at, 0, &packet, &mut output);
        write_changes(&engine, &mut output, packet_number);
    }
    engine.finish(&mut output);
    write_changes(&engine, &mut output, packet_number);
    let mut flows: BTreeMap<String, u32> = BTreeMap::new();
    for ended in &output.ended {
        let view = engine.view(&ended.flow);
        let protocol = view.protocol().map_or("Unknown", |protocol| protocol.name);
        let app = view.app().map_or("-", |app| app.tag);
        let host = view.facts().and_then(|facts| facts.host.as_deref()).unwrap_or("-");
        let guess = if ended.flow.detection.guessed { " (guessed)" } else { "" };
        let packets = ended.flow.detection.packets;
        let line = format!("{protocol}{guess} {app} {host} after {packets} packets");
        *flows.entry(line).or_default() += 1;
    }
    let mut head = String::new();
    for (line, count) in flows {
        writeln!(head, "  {count} x {line}").unwrap();
    }
    head + &text
}

#[test]
fn captures_cause_what_is_written_down() {
    let folder = root().join("tests/pcap");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".pcap"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let mut found = String::new();
    for name in names {
        writeln!(found, "{name}\n{}", told(&folder.join(&name))).unwrap();
    }
    let path = folder.join("effects.txt");
    if std::env::var_os("NFA_BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (number, (expected, found)) in expected.lines().zip(found.lines()).enumerate() {
        assert_eq!(expected, found, "line {}", number + 1);
    }
    assert_eq!(expected.lines().count(), found.lines().count());
}
