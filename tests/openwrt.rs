//! What belongs to OpenWrt, under the shell that routers have: `tests/openwrt`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn has(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: no {tool}");
    }
    found
}

fn run(command: &mut Command) {
    let output = command.current_dir(root()).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success(), "{told}");
    println!("{told}");
}

#[test]
fn the_init_script_does_as_it_says() {
    if !has("busybox") {
        return;
    }
    let work = std::env::temp_dir().join(format!("nfa-init-{}", std::process::id()));
    let nfa = env!("CARGO_BIN_EXE_nfa");
    run(Command::new("busybox").args(["ash", "tests/openwrt/init_test.sh", nfa]).arg(work));
}

#[test]
fn the_script_for_sqm_does_as_it_says() {
    if !has("busybox") {
        return;
    }
    let work = std::env::temp_dir().join(format!("nfa-sqm-{}", std::process::id()));
    run(Command::new("busybox").args(["ash", "tests/openwrt/sqm_test.sh"]).arg(work));
    let script = fs::read_to_string(root().join("files/usr/lib/sqm/nfa_cake_ct.qos")).unwrap();
    for function in ["egress() {", "ingress() {", "sqm_prepare_script() {"] {
        assert!(script.contains(function), "{function}");
    }
    let help = fs::read_to_string(root().join("files/usr/lib/sqm/nfa_cake_ct.qos.help")).unwrap();
    assert!(help.contains("kmod-sched-ctinfo"));
}

/// Every script there is.
#[test]
fn shellcheck_finds_nothing() {
    if !has("shellcheck") {
        return;
    }
    let list = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).collect::<Vec<PathBuf>>()
    };
    let mut scripts = [list("files/etc/init.d"), list("tests/openwrt/bin")].concat();
    scripts.push(root().join("files/usr/lib/sqm/nfa_cake_ct.qos"));
    let shell = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "sh");
    scripts.extend(list("tests/openwrt").into_iter().filter(shell));
    assert!(scripts.len() > 5, "{scripts:?}");
    // Functions of rc.common take arguments that a call need not give.
    let arguments = ["-x", "-s", "dash", "-e", "SC2119,SC2120"];
    run(Command::new("shellcheck").args(arguments).args(&scripts));
    run(Command::new("shellcheck").args(["-x", "-s", "bash"]).args(list("tests/guest")));
}

/// The package tree mirrors the router's root; what procd starts must be allowed to start.
#[test]
fn what_is_started_can_be() {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(root().join("files/etc/init.d/nfa")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    let text = fs::read_to_string(root().join("files/etc/capabilities/nfa.json")).unwrap();
    let sets: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (_, list) in sets.as_object().unwrap() {
        // The last is for loading the filter, and given up before the first packet is read.
        assert_eq!(list, &serde_json::json!(["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"]));
    }
    let kept = fs::read_to_string(root().join("files/lib/upgrade/keep.d/nfa")).unwrap();
    assert_eq!(kept, "/etc/nfa/\n");
}
