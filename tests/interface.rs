//! Every command with wrong input says what is wrong, where, and what was expected, in one line, with
//! status 1 to 3; colours are for terminals alone; what `--json` prints is JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const NFA: &str = env!("CARGO_BIN_EXE_nfa");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn nfa(arguments: &[&str]) -> Output {
    let mut command = Command::new(NFA);
    command.current_dir(root()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = text(&nfa(&["--help"]).stdout);
    let (_, list) = help.split_once("commands:\n").unwrap();
    let (list, _) = list.split_once("\noptions:").unwrap();
    let lines = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Arguments, exit status, what the first line on standard error has: what, where, what was expected.
const WRONG: &[(&[&str], i32, &[&str])] = &[
    (&["replay", "/nonexistent.pcap"], 1, &["/nonexistent.pcap", "No such file"]),
    (&["replay", "Cargo.toml"], 1, &["Cargo.toml", "pcap"]),
    (&["run", "--config", "/nonexistent.json"], 1, &["/nonexistent.json"]),
    (&["check", "--config", "/nonexistent.json"], 1, &["/nonexistent.json", "No such file"]),
    (&["check", "--config", "Cargo.toml"], 1, &["Cargo.toml:1:", "expected"]),
    (&["explain", "--config", "docs/examples/headline.json"], 2, &["explain needs a capture"]),
    (
        &["explain", "--config", "docs/examples/headline.json", "--flow", "tcp x y"],
        2,
        &["--flow 'tcp x y'", "expected"],
    ),
    (&["status", "--socket", "/nonexistent"], 3, &["/nonexistent", "is it running"]),
    (&["top", "--once", "--socket", "/nonexistent"], 3, &["/nonexistent", "is it running"]),
    (&["flows", "--limit", "x"], 2, &["--limit 'x'", "expected a whole number"]),
    (&["flows", "a", "b"], 2, &["flows", "one argument", "'b'"]),
    (&["sets", "a", "b"], 2, &["sets", "one argument", "'b'"]),
    (&["search"], 2, &["search needs an address"]),
    (&["why"], 2, &["why needs the id of a flow"]),
    (&["findings", "x"], 2, &["findings takes no argument", "'x'"]),
    (&["reload", "x"], 2, &["reload takes no argument", "'x'"]),
    (&["doctor", "x"], 2, &["doctor takes no argument", "'x'"]),
    (&["support", "x"], 2, &["support takes no argument", "'x'"]),
    (&["metrics", "x"], 2, &["metrics takes no argument", "'x'"]),
    (&["metrics", "--collectd", "--socket", "/nonexistent"], 3, &["/nonexistent", "running"]),
    (&["stream", "a", "b"], 2, &["stream", "one argument", "'b'"]),
    (&["stream", "/nonexistent.sock"], 3, &["/nonexistent.sock", "\"telemetry\""]),
    (&["lookup"], 2, &["lookup needs a host name"]),
    (&["uci", "/nonexistent"], 1, &["/nonexistent", "No such file"]),
    (&["uci"], 2, &["uci needs"]),
    (&["rules", "/nonexistent"], 1, &["/nonexistent", "No such file"]),
    (&["rules", "files/etc/config/nfa", "--format", "pf"], 2, &["pf", "nft"]),
    (&["apps", "a", "b"], 2, &["apps", "one argument", "'b'"]),
    (&["protocols", "a", "b"], 2, &["protocols", "one argument", "'b'"]),
    (&["categories", "a", "b"], 2, &["categories", "one argument", "'b'"]),
    (&["fields", "a", "b"], 2, &["fields", "one argument", "'b'"]),
    (&["completion", "tcsh"], 2, &["tcsh", "bash"]),
    (&["man", "x"], 2, &["man takes no argument", "'x'"]),
];

#[test]
fn wrong_input_is_told_with_what_where_and_what_was_expected() {
    let commands = commands();
    assert!(commands.len() >= 25, "{commands:?}");
    for command in &commands {
        assert!(WRONG.iter().any(|(words, ..)| words[0] == command), "no case for {command}");
        let output = nfa(&[command, "--nonsense"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert_eq!(
            text(&output.stderr),
            "nfa: no option '--nonsense'\nTry 'nfa --help'.\n",
            "{command}"
        );
        let helped = nfa(&[command, "--help"]);
        assert!(text(&helped.stdout).contains(&format!("usage: nfa {command}")), "{command}");
    }
    for (arguments, status, said) in WRONG {
        let output = nfa(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {told}");
        // `check` reports what it was asked for on standard output.
        let told = format!("{told}{}", text(&output.stdout));
        for words in *said {
            assert!(told.contains(words), "{arguments:?} does not say '{words}': {told}");
        }
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        assert!(!told.contains('\x1b'), "{arguments:?}: colours into a pipe");
    }
}

/// What a command prints into a terminal.
fn in_terminal(command: &str, environment: &[(&str, &str)]) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-qec", command, "/dev/null"]).env_remove("NO_COLOR").stdin(Stdio::null());
    script.envs(environment.iter().copied());
    script.output().ok().map(|output| text(&output.stdout))
}

#[test]
fn colours_are_for_terminals_and_no_color_is_honoured() {
    let command = format!("{NFA} doctor --socket /nonexistent");
    let Some(told) = in_terminal(&command, &[]) else {
        return println!("skipped: needs script (util-linux)");
    };
    assert!(told.contains("\x1b[31mproblem\x1b[0m"), "{told:?}");
    let plain = in_terminal(&command, &[("NO_COLOR", "1")]).unwrap();
    assert!(plain.contains("problem") && !plain.contains('\x1b'), "{plain:?}");
    let empty = in_terminal(&command, &[("NO_COLOR", "")]).unwrap();
    assert!(empty.contains('\x1b'), "an empty one says nothing: {empty:?}");
    let piped = nfa(&["doctor", "--socket", "/nonexistent"]);
    assert!(!text(&piped.stdout).contains('\x1b'));
    assert_eq!(piped.status.code(), Some(1));
}

/// A capture that takes long shows how far it is, on a terminal alone, and leaves no trace.
#[test]
fn long_work_shows_progress_on_a_terminal() {
    let one = fs::read(root().join("tests/pcap/dns.pcap")).unwrap();
    let (head, frames) = one.split_at(24);
    let path = std::env::temp_dir().join(format!("nfa-progress-{}.pcap", std::process::id()));
    fs::write(&path, [head, &frames.repeat((400 << 20) / frames.len())].concat()).unwrap();
    let command = format!("{NFA} replay --quiet {}", path.display());
    let told = in_terminal(&command, &[]);
    fs::remove_file(&path).unwrap();
    let Some(told) = told else { return println!("skipped: needs script (util-linux)") };
    assert!(told.contains('%'), "{:?}", told.chars().take(300).collect::<String>());
}

/// Commands that need no daemon, with `--json`: lines of JSON, and the keys that are documented.
#[test]
fn json_is_json_and_has_the_documented_keys() {
    let control = fs::read_to_string(root().join("docs/control.md")).unwrap();
    let mut keys = 0;
    for arguments in [
        &["doctor", "--json", "--socket", "/nonexistent"][..],
        &["lookup", "--json", "www.youtube.com"],
        &["apps", "--json", "youtube"],
        &["protocols", "--json"],
        &["categories", "--json"],
        &["fields", "--json"],
    ] {
        let printed = text(&nfa(arguments).stdout);
        assert!(!printed.is_empty(), "{arguments:?}");
        for line in printed.lines() {
            let value: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {line}"));
            let rows = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            for key in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
                assert!(control.contains(&format!("`{key}`")), "{arguments:?}: {key}");
                keys += 1;
            }
        }
    }
    assert!(keys > 100, "{keys}");
}
