//! Every past find of the fuzzer, through the target it was found with: `crashes/TARGET/NAME`, a
//! sentence on each in `crashes/README.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Target and name of every find.
fn finds() -> Vec<(String, String)> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let list = |folder: PathBuf| fs::read_dir(folder).unwrap().map(Result::unwrap);
    let crashes = root().join("tests/crashes");
    let folders = list(crashes.clone()).filter(|entry| entry.path().is_dir()).map(name);
    let finds = folders.flat_map(|target| {
        let files = list(crashes.join(&target)).map(name);
        files.map(|file| (target.clone(), file)).collect::<Vec<_>>()
    });
    finds.collect()
}

#[test]
fn no_past_find_is_one_again() {
    let finds = finds();
    assert!(!finds.is_empty());
    for (target, name) in finds {
        println!("{target}/{name}"); // shown if it fails
        fuzz::run(
            &target,
            &fs::read(root().join("tests/crashes").join(&target).join(name)).unwrap(),
        );
    }
}

#[test]
fn every_find_has_its_sentence() {
    let text = fs::read_to_string(root().join("tests/crashes/README.md")).unwrap();
    for (target, name) in finds() {
        let head = format!("- `{target}/{name}`: ");
        assert!(text.lines().any(|line| line.starts_with(&head)), "README.md: no line `{head}...`");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("- `")) {
        let (path, _) = line.split_once('`').unwrap();
        assert!(
            root().join("tests/crashes").join(path).is_file(),
            "README.md: {path} is not there"
        );
    }
}

/// A target stands in the list, in the manifest of the fuzzer's crate, and in a file of its own.
#[test]
fn every_target_is_built() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let built = manifest.matches("[[bin]]").count();
    assert_eq!(built, fuzz::TARGETS.len());
    for target in fuzz::TARGETS {
        let file = root().join(format!("fuzz/fuzz_targets/{}.rs", target.name));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("run(\"{}\", data)", target.name)), "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        fuzz::run(target.name, b""); // nothing at all is an input too
    }
}
