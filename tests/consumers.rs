//! The pages in `docs/consumers`: each command on them is run, each configuration read.
//!
//! A block of `sh` runs in a network namespace of its own (as root), with nfa and the page's own
//! `/etc/config/nfa`; in a block of `sh router` what only OpenWrt has, and `tc`, is a stand-in that
//! notes what it was told (`tests/openwrt/consumer`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "rig/markdown.rs"]
mod markdown;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nfa::uci::syntax;

use markdown::blocks;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<(String, Vec<(String, String)>)> {
    let files = fs::read_dir(root().join("docs/consumers")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), blocks(&fs::read_to_string(path).unwrap()))).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn nfa(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfa"));
    command.arg("--catalogue").arg(root().join("files/usr/share/nfa/apps.d"));
    command.args(arguments).output().unwrap()
}

#[test]
fn every_page_is_listed_and_has_something_to_run() {
    let pages = pages();
    let index = fs::read_to_string(root().join("docs/consumers/README.md")).unwrap();
    assert!(pages.len() >= 9);
    for (name, blocks) in pages.iter().filter(|(name, _)| name != "README.md") {
        assert!(index.contains(&format!("({name})")), "{name}");
        assert!(blocks.iter().any(|(kind, _)| kind.starts_with("sh")), "{name}");
        for (kind, _) in blocks {
            let known = ["sh", "sh router", "uci nfa", "uci firewall"];
            assert!(known.contains(&kind.as_str()), "{name}: {kind}");
        }
    }
}

#[test]
fn configurations_are_right() {
    let scratch = std::env::temp_dir().join(format!("nfa-consumers-{}", std::process::id()));
    for (name, blocks) in pages() {
        for (kind, body) in blocks {
            match kind.as_str() {
                "uci nfa" => {
                    fs::write(&scratch, &body).unwrap();
                    let output = nfa(&["uci", scratch.to_str().unwrap()]);
                    assert!(output.status.success(), "{name}: {}", text(&output));
                    assert_eq!(output.stderr, b"", "{name}: {}", text(&output));
                }
                "uci firewall" => {
                    let document = syntax::read(&body);
                    assert_eq!(document.mistakes, [], "{name}");
                    assert_eq!(document.sections.len(), 1, "{name}");
                }
                _ => {}
            }
        }
    }
    let _ = fs::remove_file(scratch);
}

/// As a user would: one block after the other, line by line, in the page's own namespace.
#[test]
fn commands_run() {
    let root_user = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let has = |tool: &&str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
        found.unwrap().status.success()
    };
    let tools = ["unshare", "nft", "iptables", "ip6tables", "ipset", "ip", "tc", "python3"];
    if !root_user || !tools.iter().all(has) {
        println!("skipped: needs root and {}", tools.join(", "));
        return;
    }
    let mut commands = 0;
    for (name, blocks) in pages() {
        let scratch = std::env::temp_dir().join(format!("nfa-page-{}-{name}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        let config = scratch.join("nfa");
        let mut script = format!(
            "set -e\nnfa() {{ {} --catalogue {} \"$@\"; }}\nSTAND_INS={}\nreal=$PATH\n",
            env!("CARGO_BIN_EXE_nfa"),
            root().join("files/usr/share/nfa/apps.d").display(),
            root().join("tests/openwrt/consumer").display(),
        );
        for (kind, body) in &blocks {
            match kind.as_str() {
                "uci nfa" => {
                    fs::write(&config, body).unwrap();
                    // What the init script would have done by now.
                    let rules = nfa(&["rules", config.to_str().unwrap()]);
                    fs::write(scratch.join("table"), &rules.stdout).unwrap();
                    let table = scratch.join("table");
                    script.push_str(&format!("nft -f {}\n", table.display()));
                }
                "sh" | "sh router" => {
                    let stand_ins = if kind == "sh" { "$real" } else { "$STAND_INS:$real" };
                    script.push_str(&format!("PATH={stand_ins}\n"));
                    let body = body.replace("/etc/config/nfa", config.to_str().unwrap());
                    script.push_str(&body.replace("/etc/init.d/", "$STAND_INS/init.d-"));
                    commands += body.lines().count();
                }
                _ => {}
            }
        }
        let path = scratch.join("script");
        fs::write(&path, script.replace("set -e\n", "set -ex\n")).unwrap();
        let output = Command::new("unshare").args(["-n", "sh"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output));
        fs::remove_dir_all(&scratch).unwrap();
    }
    assert!(commands >= 30, "{commands}");
}
