//! What `nfa rules` prints (`tests/rules/NAME.uci` and `NAME.FORMAT`), and that the kernel's tools
//! take it: as root, in a network namespace of its own.
//!
//! With NFA_BLESS=1 the texts are written anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FORMATS: [&str; 6] = ["nft", "iptables", "ip6tables", "ip", "sets", "tc"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(format: &str, options: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nfa"))
        .arg("--catalogue")
        .arg(root().join("files/usr/share/nfa/apps.d"))
        .args(["rules", "--format", format, "--device", "wan=eth1"])
        .args(options)
        .arg(file)
        .output()
        .unwrap()
}

/// The text of that kind; nothing may be wrong.
fn rules(format: &str, options: &[&str], file: &Path) -> String {
    let output = run(format, options, file);
    assert_eq!(text(&output.stderr), "", "{}", file.display());
    assert!(output.status.success());
    text(&output.stdout)
}

fn cases() -> Vec<(PathBuf, Vec<String>)> {
    let files = fs::read_dir(root().join("tests/rules")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "uci")).collect();
    files.sort();
    let with_options = files.into_iter().map(|path| {
        let file = fs::read_to_string(&path).unwrap();
        let first = file.lines().next().unwrap_or_default().split_once("--");
        let options = first.map(|(_, options)| format!("--{options}")).unwrap_or_default();
        (path, options.split_whitespace().map(str::to_owned).collect())
    });
    with_options.collect()
}

#[test]
fn files_make_rules() {
    let cases = cases();
    assert!(cases.len() >= 3);
    for (path, options) in cases {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        for format in FORMATS {
            let found = rules(format, &options, &path);
            let golden = path.with_extension(format);
            if std::env::var_os("NFA_BLESS").is_some() {
                fs::write(&golden, &found).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(expected, found, "{}", golden.display());
        }
    }
}

#[test]
fn a_wrong_format_is_told() {
    let output = run("nftables", &[], Path::new("/nonexistent"));
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("expected one of nft, iptables"), "{told}");
}

/// The shipped examples, all switched on.
fn examples() -> PathBuf {
    let file = fs::read_to_string(root().join("files/etc/config/nfa")).unwrap();
    let path = std::env::temp_dir().join(format!("nfa-rules-{}", std::process::id()));
    fs::write(&path, file.replace("option enabled '0'", "option enabled '1'")).unwrap();
    path
}

/// Runs a script in a new network namespace. `None`: we may not, or a tool is missing.
fn in_namespace(tools: &[&str], script: &str) -> Option<Output> {
    let has = |tool: &&str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
        found.is_ok_and(|output| output.status.success())
    };
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root || !tools.iter().all(has) {
        println!("skipped: needs root and {}", tools.join(", "));
        return None;
    }
    let output = Command::new("unshare").args(["-n", "sh", "-ec", script]).output().unwrap();
    Some(output)
}

fn fine(output: Option<Output>) -> Option<String> {
    let output = output?;
    let told = text(&[output.stdout, output.stderr].concat());
    assert!(output.status.success(), "{told}");
    Some(told)
}

/// Twice, as a reload does, beside a table that is not ours.
#[test]
fn nft_takes_our_table() {
    let mut files: Vec<PathBuf> = cases().into_iter().map(|(path, _)| path).collect();
    let examples = examples();
    files.push(examples.clone());
    for file in files {
        let table = rules("nft", &[], &file);
        let path = std::env::temp_dir().join(format!("nfa-rules-{}.nft", std::process::id()));
        fs::write(&path, &table).unwrap();
        let path_text = path.display();
        let script = format!(
            "nft add table inet fw4; nft add chain inet fw4 forward \
             '{{ type filter hook forward priority filter; policy drop; }}'
             nft list table inet fw4 > {path_text}.before
             nft -c -f {path_text}
             nft -f {path_text}
             nft -f {path_text}
             nft list table inet fw4 | cmp - {path_text}.before
             nft list table inet nfa"
        );
        let told = fine(in_namespace(&["nft", "unshare"], &script));
        if let Some(told) = told {
            for line in table.lines().filter(|line| line.contains("counter name")) {
                let name = line.split("counter name ").nth(1).unwrap();
                let name = name.split_whitespace().next().unwrap();
                assert!(told.contains(&format!("counter name {name}")), "{name}: {told}");
            }
        }
        let _ = fs::remove_file(format!("{path_text}.before"));
        fs::remove_file(&path).unwrap();
    }
    fs::remove_file(examples).unwrap();
}

/// Twice, with the old tables and with those on nftables.
#[test]
fn iptables_takes_our_rules() {
    let file = root().join("tests/rules/ipset.uci");
    for (format, command) in [("iptables", "iptables"), ("ip6tables", "ip6tables")] {
        let rules = rules(format, &["--backend", "ipset"], &file);
        for kind in ["legacy", "nft"] {
            // A function takes the command's place: `iptables` in the text stays as it is.
            let tool = format!("{command}-{kind}");
            let script = format!("{command}() {{ {tool} \"$@\"; }}\n{rules}\n{rules}\n{tool}-save");
            let Some(told) = fine(in_namespace(&[&tool, "ipset", "unshare"], &script)) else {
                continue;
            };
            for hook in ["-A PREROUTING -j nfa_pre", "-A FORWARD -j nfa_cut"] {
                assert_eq!(told.matches(hook).count(), 1, "{tool}: {told}");
            }
            let set = told.contains("--match-set nfa_cut.v");
            assert!(set && told.contains("--set-dscp 0x08"), "{tool}: {told}");
        }
    }
}

#[test]
fn ip_takes_our_ways() {
    let rules = rules("ip", &[], &root().join("tests/rules/effects.uci"));
    let back = rules.replace(" add ", " del ");
    let script = format!("{rules}\nip rule list; ip -6 rule list\n{back}\nip rule list");
    if let Some(told) = fine(in_namespace(&["ip", "unshare"], &script)) {
        assert_eq!(told.matches("1900:\tfrom all fwmark 0x200000/0xf00000 lookup 100").count(), 2);
    }
}

/// HTB and its filters by DSCP. A kernel without cake, ctinfo or the fw filter takes the rest: it
/// says what is missing.
#[test]
fn tc_takes_our_shapers() {
    let rules = rules("tc", &[], &root().join("tests/rules/effects.uci"));
    let htb = rules.lines().skip_while(|line| !line.contains("Or HTB"));
    let htb: Vec<&str> = htb.filter(|line| !line.contains(" fw classid")).collect();
    let script = format!(
        "ip link add eth1 type veth peer name other; ip link set eth1 up\n{}\n\
         tc class show dev eth1; tc filter show dev eth1",
        htb.join("\n")
    );
    if let Some(told) = fine(in_namespace(&["tc", "ip", "unshare"], &script)) {
        assert_eq!(told.matches("class htb 1:").count(), 5, "{told}");
        assert_eq!(told.matches("*flowid 1:").count() + told.matches(" flowid 1:").count(), 6);
    }
    for line in rules.lines().take_while(|line| !line.contains("Or HTB")) {
        let script = format!("ip link add eth1 type veth peer name other\n{line}");
        if let Some(output) = in_namespace(&["tc", "ip", "unshare"], &script)
            && !output.status.success()
        {
            let why = text(&output.stderr);
            println!("not on this kernel, or only behind the lines before it: {line}: {why}");
        }
    }
}
