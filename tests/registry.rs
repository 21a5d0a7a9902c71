//! The list of dissectors agrees with the folder and with itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nfa::app::category::protocol_category;
use nfa::dissect::ALL;

#[test]
fn every_dissector_in_the_folder_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dissect");
    let mut declared = BTreeSet::new();
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut note = |path: &Path, name: String| {
        if fs::read_to_string(path).unwrap().contains(": Dissector =") {
            declared.insert(name);
        }
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            if stem(&path) != "mod" {
                note(&path, stem(&path));
            }
            continue;
        }
        // A folder's `mod.rs` has the folder's name, another file of it both.
        for entry in fs::read_dir(&path).unwrap() {
            let file = entry.unwrap().path();
            let name = stem(&path);
            note(
                &file,
                if stem(&file) == "mod" { name } else { format!("{name}-{}", stem(&file)) },
            );
        }
    }
    let registered: BTreeSet<String> = ALL.iter().map(|d| d.name.to_owned()).collect();
    assert_eq!(registered.len(), ALL.len(), "a name stands twice");
    assert!(registered.len() > 20);
    assert_eq!(declared, registered);
}

#[test]
fn protocols_have_one_number_one_name_and_a_known_category() {
    let (mut numbers, mut names) = (BTreeMap::new(), BTreeMap::new());
    for protocol in ALL.iter().flat_map(|dissector| dissector.protocols) {
        let name = numbers.insert(protocol.id, protocol.name);
        assert!(name.is_none_or(|name| name == protocol.name), "{} {name:?}", protocol.id);
        let number = names.insert(protocol.name.to_lowercase(), protocol.id);
        assert!(number.is_none_or(|number| number == protocol.id), "{}", protocol.name);
        assert!(
            protocol_category(protocol.category).is_some(),
            "{}: {} is no protocol category",
            protocol.name,
            protocol.category
        );
    }
}

/// Dissectors are numbered by position where a flow remembers refusals in 256 bits.
#[test]
fn there_is_room_for_every_refusal() {
    assert!(ALL.len() <= 256, "{}", ALL.len());
}
