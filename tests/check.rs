//! Broken configurations and what is said of them: `tests/check/NAME.json` and `NAME.txt`.
//!
//! With NFA_BLESS=1 the texts are written anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

/// Runs `nfa check` as a user would, in that folder.
fn check(name: &str) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_nfa"))
        .current_dir(folder())
        .args(["check", "--catalogue", "../../files/usr/share/nfa/apps.d", "--config", name])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

#[test]
fn every_mistake_is_told_in_words_that_help() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    assert!(names.len() >= 20);
    for name in names {
        let (found, status) = check(&name);
        let errors = found.contains("error") && !found.contains(": 0 errors");
        assert_eq!(status, Some(i32::from(errors)), "{name}: {found}");
        let path = folder().join(&name).with_extension("txt");
        if std::env::var_os("NFA_BLESS").is_some() {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(expected, found, "{name}");
    }
}
