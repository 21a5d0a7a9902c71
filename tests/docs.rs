//! The documents say what is so: their commands run, their configurations are good, their recipes match
//! what they say, and `docs/reference.md` is what the code has (`NFA_BLESS=1` writes it).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "rig/markdown.rs"]
mod markdown;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use markdown::blocks;

const NFA: &str = env!("CARGO_BIN_EXE_nfa");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn nfa(arguments: &[&str]) -> Output {
    let catalogue = root().join("files/usr/share/nfa/apps.d");
    Command::new(NFA).arg("--catalogue").arg(catalogue).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// A folder of this process's own.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("nfa-docs-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every page of docs/, with its name.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let mut pages: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_page_is_listed_and_every_link_leads_somewhere() {
    let pages = pages();
    let index = read("README.md");
    assert!(pages.len() >= 16, "{}", pages.len());
    for (name, page) in &pages {
        assert!(
            name == "README.md" || index.contains(&format!("({name})")),
            "{name} is not listed"
        );
        for rest in page.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap();
            let is_file = !target.is_empty() && !target.contains("://") && !target.contains(' ');
            let there = root().join("docs").join(target).exists();
            assert!(!is_file || there, "{name}: {target}");
        }
        let fences = page.lines().filter(|line| line.starts_with("```")).count();
        assert_eq!(fences % 2, 0, "{name}: a block that does not end");
    }
}

/// Every `nfa COMMAND` and `--option` that a page names is there.
#[test]
fn commands_and_options_are_such() {
    let help = text(&nfa(&["--help"]));
    let mut named = 0;
    // The reference has the help's own text.
    for (name, page) in pages().into_iter().filter(|(name, _)| name != "reference.md") {
        // In a sentence behind a backquote, in a block at the start of a line.
        let blocks = blocks(&page);
        let typed = blocks.iter().filter(|(kind, _)| kind != "text"); // which is an answer
        let lines = typed.flat_map(|(_, body)| body.lines());
        let typed = lines.filter_map(|line| line.strip_prefix("nfa "));
        for rest in page.split("`nfa ").skip(1).chain(typed) {
            let command: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            let known =
                help.lines().any(|line| line.trim_start().starts_with(&format!("{command} ")));
            assert!(known, "{name}: nfa {command}");
            let line = rest.split(['`', '\n', '|']).next().unwrap();
            for word in line.split_whitespace().filter(|word| word.starts_with("--")) {
                let option: String =
                    word.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
                assert!(help.contains(&option), "{name}: nfa {command} {option}");
            }
            named += 1;
        }
    }
    assert!(named > 60, "{named}");
}

#[test]
fn configurations_are_good_and_recipes_match_what_they_say() {
    let folder = scratch("config");
    let path = folder.join("nfa.json");
    let path_text = path.to_str().unwrap();
    let (mut configs, mut flows) = (0, 0);
    for (name, page) in pages() {
        for (kind, body) in blocks(&page) {
            match kind.as_str() {
                "json" => {
                    fs::write(&path, &body).unwrap();
                    let checked = nfa(&["check", "--config", path_text]);
                    assert_eq!(
                        checked.status.code(),
                        Some(0),
                        "{name}: {}\n{body}",
                        text(&checked)
                    );
                    assert!(text(&checked).contains(" 0 errors, 0 warnings"), "{}", text(&checked));
                    configs += 1;
                }
                "flows" => {
                    for line in body.lines() {
                        let (wanted, flow) = line.split_once(": ").unwrap();
                        let arguments =
                            ["explain", "--config", path_text, "--json", "--flow", flow];
                        let told = nfa(&arguments);
                        let explained: Value = serde_json::from_slice(&told.stdout)
                            .unwrap_or_else(|_| panic!("{name}: {flow}: {}", text(&told)));
                        let actions = explained["actions"].as_array().unwrap().iter();
                        let matched: Vec<&str> = actions
                            .filter(|action| action["matches"] == true)
                            .map(|action| action["action"].as_str().unwrap())
                            .collect();
                        let expected: &[&str] = if wanted == "-" { &[] } else { &[wanted] };
                        assert_eq!(matched, expected, "{name}: {flow}");
                        flows += 1;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(configs >= 8 && flows >= 13, "{configs} configurations, {flows} flows");
    fs::remove_dir_all(folder).unwrap();
}

/// What a page's `sh` blocks need around them: an empty /run, a bridge, the program, and patience until
/// the daemon that the page starts answers.
const AROUND: &str = r#"
set -e
mount -t tmpfs none /run
ip link set lo up
ip link add br-lan type bridge
ip addr add 192.168.1.1/24 dev br-lan
ip link set br-lan up
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
nfa() {
    case $1 in
    # In the background, so in a shell of its own, which the daemon takes the place of.
    run) shift; exec "$NFA" run --catalogue "$APPS" "$@";;
    status|top|flows|sets|search|reload|metrics|findings|doctor|stream)
        for _ in $(seq 200); do [ ! -S /run/nfa.sock ] || break; sleep 0.1; done;;
    esac
    case "$*" in
    *--catalogue*) "$NFA" "$@";;
    *) "$NFA" --catalogue "$APPS" "$@";;
    esac
}
set -x
"#;

/// As a user would, from the first to the last line, in a namespace of the page's own.
#[test]
fn commands_run() {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let has = |tool: &&str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
        found.unwrap().status.success()
    };
    let tools = ["unshare", "ip", "iptables", "ipset", "mount", "bash"];
    if !is_root || !tools.iter().all(has) {
        println!("skipped: needs root and {}", tools.join(", "));
        return;
    }
    let mut run = Vec::new();
    for (name, page) in pages() {
        let bodies: String =
            blocks(&page).into_iter().filter(|(kind, _)| kind == "sh").map(|(_, b)| b).collect();
        // What needs another program is told in control.md, and run by tests/control.rs.
        if bodies.is_empty() || name == "control.md" {
            continue;
        }
        let folder = scratch(&name);
        let bodies = bodies.replace("/tmp/", &format!("{}/", folder.display()));
        let bodies = bodies.replace("/etc/bash_completion.d/", &format!("{}/", folder.display()));
        let script = folder.join("script");
        fs::write(&script, format!("{AROUND}{bodies}")).unwrap();
        let output = Command::new("unshare")
            .args(["-n", "-m", "bash"])
            .arg(&script)
            .env("NFA", NFA)
            .env("APPS", root().join("files/usr/share/nfa/apps.d"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output));
        fs::remove_dir_all(&folder).unwrap();
        run.push(name);
    }
    println!("run: {run:?}");
    assert!(run.len() >= 3, "{run:?}");
}

/// One line of Markdown's table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn type_of(part: &Value) -> String {
    let words = |list: &Value| {
        let items = list.as_array().into_iter().flatten();
        items
            .map(|item| format!("`{}`", item.as_str().unwrap_or("?")))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut told = match part["type"].as_str() {
        _ if part["enum"].is_array() => words(&part["enum"]),
        Some("array") if part["items"]["enum"].is_array() => {
            format!("list of {}", words(&part["items"]["enum"]))
        }
        Some(word) => word.to_owned(),
        None => part["$ref"].as_str().map_or("", |r| r.rsplit('/').next().unwrap()).to_owned(),
    };
    if let (Some(least), Some(most)) = (part["minimum"].as_u64(), part["maximum"].as_u64()) {
        let _ = write!(told, ", {least} to {most}");
    }
    told
}

fn keys_table(out: &mut String, title: &str, properties: &Value) {
    let Some(properties) = properties.as_object().filter(|all| !all.is_empty()) else { return };
    let _ = writeln!(out, "\n### {title}\n\n| key | type | default | meaning |\n|---|---|---|---|");
    for (key, part) in properties.iter().filter(|(key, _)| *key != "$schema") {
        let default = part
            .get("default")
            .filter(|v| !v.is_object())
            .map_or(String::new(), |value| format!("`{value}`"));
        let meaning = part["description"].as_str().unwrap_or_default();
        let row = [cell(&type_of(part)), cell(&default), cell(meaning)].join(" | ");
        let _ = writeln!(out, "| `{key}` | {row} |");
    }
}

/// The lines that a listing command prints, as a block.
fn listing(out: &mut String, title: &str, arguments: &[&str]) {
    let printed = nfa(arguments);
    assert!(printed.status.success(), "{}", text(&printed));
    let printed = String::from_utf8(printed.stdout).unwrap();
    let _ = writeln!(out, "\n## {title}\n\n`nfa {}`\n\n```text", arguments.join(" "));
    out.push_str(&printed);
    out.push_str("```\n");
}

/// The reference, made of the schema (which `tests/schema.rs` compares with what the code reads) and of
/// what the program itself lists.
fn reference() -> String {
    let schema: Value = serde_json::from_str(&read("config.schema.json")).unwrap();
    let mut out = "# Reference\n\nMade by `NFA_BLESS=1 cargo test --test docs` from \
        `config.schema.json` and the program's own lists; do not edit.\n\n## The configuration\n"
        .to_owned();
    keys_table(&mut out, "Top level", &schema["properties"]);
    for key in ["telemetry", "privacy", "bittorrent", "target_globals"] {
        keys_table(&mut out, &format!("`{key}`"), &schema["properties"][key]["properties"]);
    }
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, part) in definitions {
        let title = name
            .strip_prefix("target_")
            .map_or_else(|| format!("`{name}`"), |kind| format!("Target kind `{kind}`"));
        keys_table(&mut out, &title, &part["properties"]);
    }
    listing(&mut out, "Criteria fields", &["fields"]);
    listing(&mut out, "Protocols", &["protocols"]);
    listing(&mut out, "Categories", &["categories"]);
    let help = String::from_utf8(nfa(&["--help"]).stdout).unwrap();
    let _ = writeln!(out, "\n## Commands and options\n\n```text\n{}```", help);
    out
}

#[test]
fn the_reference_is_what_the_code_has() {
    let path: &Path = &root().join("docs/reference.md");
    let made = reference();
    if std::env::var_os("NFA_BLESS").is_some() {
        fs::write(path, &made).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    let first = made.lines().zip(there.lines()).find(|(new, old)| new != old);
    assert!(
        made == there,
        "docs/reference.md is old ({first:?}): NFA_BLESS=1 cargo test --test docs"
    );
    assert!(made.lines().count() > 300, "{}", made.lines().count());
}
