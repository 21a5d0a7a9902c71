//! UCI files, the configurations they make, and what is said of them: `tests/uci/NAME.uci`,
//! `NAME.json` and `NAME.txt`. A first line `# nfa uci OPTION...` gives options.
//!
//! With NFA_BLESS=1 the last two are written anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("tests/uci")
}

fn nfa(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfa"))
        .current_dir(folder())
        .args(["--catalogue", "../../files/usr/share/nfa/apps.d"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn cases() -> Vec<String> {
    let names = fs::read_dir(folder()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".uci").map(str::to_owned)).collect();
    names.sort();
    names
}

/// The options of a case, as words.
fn options(name: &str) -> Vec<String> {
    let file = fs::read_to_string(folder().join(format!("{name}.uci"))).unwrap();
    let first = file.lines().next().and_then(|line| line.strip_prefix("# nfa uci "));
    first.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn compare(path: &Path, found: &str) {
    if std::env::var_os("NFA_BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(expected, found, "{}", path.display());
}

#[test]
fn files_make_configurations_and_findings() {
    let cases = cases();
    assert!(cases.len() >= 8, "{cases:?}");
    for name in cases {
        let file = format!("{name}.uci");
        let options = options(&name);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let output = nfa(&[&["uci", &file], &options[..]].concat());
        let (json, findings) = (text(&output.stdout), text(&output.stderr));
        let refused = findings.contains(" error: ");
        assert_eq!(output.status.code(), Some(i32::from(refused)), "{name}: {findings}");
        compare(&folder().join(format!("{name}.txt")), &findings);
        compare(&folder().join(format!("{name}.json")), &json);
        if json.is_empty() {
            assert!(findings.contains("nothing of it is used"), "{name}: {findings}");
            continue;
        }
        // What we write the daemon reads without a word, but for what it says of criteria.
        let checked = nfa(&["check", "--config", &format!("{name}.json")]);
        let checked = text(&checked.stdout);
        assert!(checked.contains(": 0 errors"), "{name}: {checked}");
    }
}

/// The defaults as they are shipped: no finding, and off.
#[test]
fn defaults_are_valid_as_they_stand() {
    let output = nfa(&["uci", "../../files/etc/config/nfa"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let file = fs::read_to_string(root().join("files/etc/config/nfa")).unwrap();
    assert!(file.contains("config globals 'globals'\n\toption enabled '0'\n"));
}

/// Every rule of the defaults, switched on.
#[test]
fn the_examples_among_the_defaults_are_valid_switched_on() {
    let scratch = std::env::temp_dir().join(format!("nfa-uci-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let file = fs::read_to_string(root().join("files/etc/config/nfa")).unwrap();
    let (uci, json) = (scratch.join("nfa"), scratch.join("config.json"));
    fs::write(&uci, file.replace("option enabled '0'", "option enabled '1'")).unwrap();
    let (uci, json) = (uci.to_str().unwrap(), json.to_str().unwrap());
    let output = nfa(&["uci", uci, "--output", json]);
    assert_eq!(text(&output.stderr), "");
    let checked = text(&nfa(&["check", "--config", json]).stdout);
    assert!(checked.contains(": 0 errors, 0 warnings; 9 actions"), "{checked}");
    fs::remove_dir_all(&scratch).unwrap();
}

/// A10 of the acceptance configurations: what the first example of the defaults puts into sets is
/// what the headline configuration does.
#[test]
fn the_first_example_does_the_headline_job() {
    let scratch = std::env::temp_dir().join(format!("nfa-a10-{}.json", std::process::id()));
    let json = scratch.to_str().unwrap();
    let made = nfa(&["uci", "--backend", "ipset", "--output", json, "../../files/etc/config/nfa"]);
    assert_eq!(text(&made.stderr), "");
    let mut members = 0;
    for entry in fs::read_dir(root().join("tests/pcap")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "pcap") {
            continue;
        }
        let path = path.to_str().unwrap();
        let added = |config: &str| {
            let output = nfa(&["replay", "--config", config, path]);
            let lines = text(&output.stdout);
            let added = lines.lines().filter(|line| line.contains("\"change\":\"add\""));
            // Those who leave and come back are told again only where they do not linger.
            let mut added: Vec<String> = added
                .map(|line| {
                    let value: serde_json::Value = serde_json::from_str(line).unwrap();
                    format!("{} {} {}", value["set"], value["element"], value["timeout"])
                })
                .collect();
            added.sort();
            added.dedup();
            added
        };
        let ours = added(json);
        assert_eq!(ours, added("../../docs/examples/headline.json"), "{path}");
        members += ours.len();
    }
    assert!(members > 20, "{members}");
    fs::remove_file(&scratch).unwrap();
}

#[test]
fn arguments_are_asked_for() {
    for (arguments, status, said) in [
        (&["uci"][..], 2, "uci needs a file"),
        (&["uci", "a", "b"], 2, "one argument at most"),
        (&["uci", "/nonexistent/nfa"], 1, "/nonexistent/nfa: No such file"),
        (&["uci", "--backend", "iptables", "x"], 2, "expected nft, ipset or both"),
        (&["uci", "--device", "lan", "x"], 2, "expected NAME=DEVICE"),
    ] {
        let output = nfa(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}
