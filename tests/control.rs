//! The daemon with live traffic on a veth, asked through its control socket by the program's own
//! commands; sets are compared with what the kernel's own tools say. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared module serves several tests

mod daemon;
mod netlink;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use daemon::{Daemon, NFA, PING, make_link, scratch};
use netlink::{namespace, run};
use serde_json::Value;

const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";
const CONFIG: &str = r#"{
    "interfaces": {"lan1": {"role": "lan"}},
    "actions": {
        "torrents": {"criteria": "protocol == 'bittorrent';", "targets": ["torrents", "nft"]},
        "calls": {"criteria": "protocol == 'sip';", "targets": ["calls"]}},
    "targets": {
        "torrents": {"target_type": "ipset", "set_name": "nfa.bittorrent", "type": "hash:ip,port,ip",
            "ttl": 300, "managed": true},
        "nft": {"target_type": "nftset", "set_name": "torrents", "ttl": 300, "managed": true,
            "type": ["other_addr"]},
        "calls": {"target_type": "ipset", "set_name": "nobody.made", "type": "hash:ip", "ttl": 300}}}"#;

/// The daemon on a link of its own, and who sends on that: eight flows, five of BitTorrent.
fn listening(name: &str) -> (Daemon, UdpSocket) {
    make_link();
    let folder = scratch(name);
    fs::write(folder.join("nfa.json"), CONFIG).unwrap();
    let socket = UdpSocket::bind("192.168.1.2:40000").unwrap();
    (Daemon::start(folder, &["--interface", "lan1"]), socket)
}

fn send(socket: &UdpSocket) {
    for host in 1..=5 {
        socket.send_to(PING, format!("203.0.113.{host}:6881")).unwrap();
    }
    for host in 11..=13 {
        socket.send_to(INVITE, format!("203.0.113.{host}:5060")).unwrap();
    }
}

fn strings(rows: &Value, key: &str) -> BTreeSet<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_the_daemon_tells_is_what_the_kernel_has() {
    let Some(()) = namespace() else { return };
    let (daemon, socket) = listening("control");
    daemon.wait_until("the socket answers", |daemon| {
        daemon.ask(&["status"]).status.code() != Some(3)
    });
    daemon.wait_until("it captures", |daemon| {
        daemon.json(&["status"])["interfaces"][0]["capturing"] == true
    });
    daemon.wait_until("flows are named", |daemon| {
        send(&socket);
        daemon.json(&["status"])["rules"][0]["matches"] == 5
            && daemon.json(&["status"])["rules"][1]["matches"] == 3
    });

    // A set that nobody made is wrong, and status says so to scripts.
    let status = daemon.ask(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("set nobody.made.v4 (ipset): nobody has made it"), "{text}");
    assert!(!text.contains('\x1b'), "no colours into a pipe");
    run("ipset create nobody.made.v4 hash:ip timeout 300");
    run("ipset create nobody.made.v6 hash:ip family inet6 timeout 300");
    daemon.wait_until("all is well", |daemon| daemon.ask(&["status"]).status.code() == Some(0));

    // Members as told against those of the kernel.
    let told = strings(&daemon.json(&["sets", "nfa.bittorrent"])["members"], "member");
    let saved = run("ipset save nfa.bittorrent.v4");
    let prefix = "add nfa.bittorrent.v4 ";
    let lines = saved.lines().filter_map(|line| line.strip_prefix(prefix));
    let kept: BTreeSet<String> =
        lines.map(|line| line.split(" timeout ").next().unwrap().to_owned()).collect();
    assert_eq!((told.len(), &told), (5, &kept));
    for member in daemon.json(&["sets", "torrents"])["members"].as_array().unwrap() {
        let addr = member["member"].as_str().unwrap();
        run(&format!("nft get element inet nfa torrents.v4 {{ {addr} }}"));
        let left = member["remaining_s"].as_u64().unwrap();
        assert!((200..=300).contains(&left), "{member}");
    }
    let pages = daemon.json(&["sets", "nfa.bittorrent", "--limit", "2"]);
    assert_eq!(pages["members"].as_array().unwrap().len(), 2);
    assert!(pages["next"].is_u64());

    // Where an address is and why; and one that is nowhere.
    let found = daemon.json(&["search", "203.0.113.3"]);
    let sets = strings(&found["members"], "set");
    assert_eq!(sets, ["nfa.bittorrent.v4", "torrents.v4"].map(str::to_owned).into());
    let because = &found["members"][0]["because"];
    assert_eq!(because["rule"], "torrents");
    assert_eq!(because["flow"], "udp 192.168.1.2:40000 > 203.0.113.3:6881");
    assert_eq!(because["client"], "192.168.1.2");
    assert_eq!(daemon.ask(&["search", "198.51.100.9"]).status.code(), Some(1));
    assert_eq!(daemon.json(&["search", "bittorrent"])["in_sets"], 10);

    // A flow and the reasons of each action.
    let flows = daemon.json(&["flows", "protocol == 'sip';"]);
    assert_eq!(flows["matching"], 3);
    let id = flows["flows"][0]["id"].as_str().unwrap();
    let why = daemon.json(&["why", id]);
    assert_eq!(why["words"][0], "torrents: no: its criteria do not hold");
    assert_eq!(why["words"][1], "calls: matches");
    assert!(daemon.text(&["why", id]).contains("in ipset nobody.made.v4"), "{why}");
    let top = daemon.json(&["top", "--by", "client"]);
    assert_eq!(top["rows"][0]["name"], "192.168.1.2");
    assert_eq!(top["rows"][0]["flows"], 8);
    assert!(daemon.text(&["top"]).starts_with("application"));

    // Volumes are whole though the kernel leaves out most packets of a decided flow.
    let packets = |daemon: &Daemon| {
        let flows = daemon.json(&["flows", "other_ip == 203.0.113.1;"]);
        flows["flows"][0]["packets"].as_u64().unwrap()
    };
    std::thread::sleep(Duration::from_secs(2));
    let before = packets(&daemon);
    for _ in 0..500 {
        socket.send_to(PING, "203.0.113.1:6881").unwrap();
    }
    daemon.wait_until("all packets are counted", |daemon| packets(daemon) == before + 500);

    // Metrics, doctor and support have it too; support names nobody.
    let metrics = daemon.text(&["metrics"]);
    assert!(metrics.contains("\nnfa_action_matches_total{action=\"torrents\"} 5\n"), "{metrics}");
    let doctor = daemon.json(&["doctor"]);
    let checks = strings(&doctor, "check");
    assert!(
        ["daemon", "nft sets", "ipset", "clock"].iter().all(|c| checks.contains(*c)),
        "{doctor}"
    );
    let support = daemon.text(&["support"]);
    assert!(support.contains("nfa.bittorrent.v4") && !support.contains("203.0.113."), "{support}");
    assert!(!support.contains("192.168.1.2"), "{support}");

    every_key_is_documented(&daemon);
    strangers_change_nothing(&daemon);
    wrong_input_is_told(&daemon);
    reload_is_told(&daemon);
    clients_that_do_not_read_harm_nobody(&daemon);
}

/// Every key of an answer, however deep; the record of a flow and the tests of criteria have
/// documents of their own.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                let is_record = key == "flow" && value.get("ip_version").is_some();
                if !is_record && key != "tests" && key != "targets" {
                    keys(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

fn every_key_is_documented(daemon: &Daemon) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/control.md")).unwrap();
    let mut found = BTreeSet::new();
    for arguments in [
        &["status"][..],
        &["flows"],
        &["sets"],
        &["sets", "nfa.bittorrent"],
        &["search", "203.0.113.3"],
        &["why", "udp 192.168.1.2:40000 203.0.113.3:6881"],
        &["top"],
        &["findings"],
    ] {
        keys(&daemon.json(arguments), &mut found);
    }
    assert!(found.len() > 90, "{found:?}");
    let missing: Vec<&String> =
        found.iter().filter(|key| !text.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/control.md does not tell of {missing:?}");
}

/// Who may open the socket may look, and only root and the daemon's own user may change.
fn strangers_change_nothing(daemon: &Daemon) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let mode = fs::metadata(daemon.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let ask = |method: &str| {
        let mut command = Command::new(NFA);
        command.arg(method).arg("--socket").arg(daemon.socket()).uid(65534).gid(65534).output()
    };
    let Ok(looked) = ask("status") else {
        return println!("skipped: nobody may not run the program here");
    };
    assert_eq!(looked.status.code(), Some(0), "{}", String::from_utf8_lossy(&looked.stderr));
    let refused = ask("reload").unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("for root and the daemon's own user only"), "{told}");
}

fn wrong_input_is_told(daemon: &Daemon) {
    for (arguments, said) in [
        (&["flows", "--sort", "colour"][..], "nfa: sort: expected \"newest\" or \"seen\" or"),
        (
            &["flows", "--rule", "torents"],
            "nfa: rule: no action 'torents'; did you mean 'torrents'?",
        ),
        (&["flows", "protocol = 'sip';"], "nfa: criteria: "),
        (&["sets", "nfa.bitorrent"], "nfa: set: no set 'nfa.bitorrent'; did you mean"),
        (&["why", "tcp"], "nfa: flow: expected the id of a flow such as \"17.3\""),
        (&["why", "9999.0"], "nfa: flow: no such flow now"),
        (&["top", "--by", "colour"], "nfa: by: expected \"application\" or"),
        (&["status", "--by", "client"], "nfa: status has no --by"),
        (&["flows", "--limit", "many"], "nfa: --limit 'many': expected a whole number"),
    ] {
        let output = daemon.ask(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.starts_with(said), "{arguments:?}: {told}");
    }
    let nobody = Command::new(NFA).args(["status", "--socket", "/nonexistent"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(3));
}

fn reload_is_told(daemon: &Daemon) {
    let config = daemon.folder.join("nfa.json");
    fs::write(&config, "{ no JSON").unwrap();
    let reloaded = daemon.ask(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(1));
    let text = String::from_utf8(reloaded.stdout).unwrap();
    assert!(text.contains("the old configuration stays in force"), "{text}");
    assert_eq!(daemon.json(&["status"])["config"]["refused"], true);
    fs::write(&config, CONFIG.replace("\"calls\": {\"criteria\"", "\"phones\": {\"criteria\""))
        .unwrap();
    assert_eq!(daemon.json(&["reload"])["in_force"], true);
    let status = daemon.json(&["status"]);
    assert_eq!(status["rules"][0]["matches"], 5, "it goes on counting: {status}");
    assert_eq!(status["rules"][1]["name"], "phones");
    assert_eq!(status["config"]["refused"], false);
}

/// Eight that ask and never read, and one that never ends its line: the next is served as soon as
/// their time is up.
fn clients_that_do_not_read_harm_nobody(daemon: &Daemon) {
    let path: &Path = &daemon.socket();
    let mut deaf: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(path).unwrap()).collect();
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        for _ in 0..200 {
            if stream.write_all(b"{\"method\":\"flows\"}\n").is_err() {
                break;
            }
        }
    }
    daemon
        .wait_until("it answers again", |daemon| daemon.ask(&["status"]).status.code() == Some(0));
    let mut long = UnixStream::connect(path).unwrap();
    long.write_all(&[b'x'; 9000]).unwrap();
    let mut told = String::new();
    long.read_to_string(&mut told).unwrap();
    assert!(told.contains("a request has 8192 bytes at most"), "{told}");
}

/// What is documented is what there is.
#[test]
fn every_method_and_key_is_documented() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/control.md")).unwrap();
    for method in nfa::control::METHODS {
        let head = format!("### `{}`\n", method.name);
        let (_, rest) = text.split_once(&head).unwrap_or_else(|| panic!("no {head}"));
        let section = rest.split("\n### ").next().unwrap();
        for (key, _) in method.keys {
            assert!(section.contains(&format!("`{key}`")), "{}: {key}", method.name);
        }
    }
    assert_eq!(text.matches("\n### `").count(), nfa::control::METHODS.len());
}

/// Completion and manual come from the table of commands: each shell reads what is printed.
#[test]
fn completion_and_manual_know_every_command() {
    let text = |arguments: &[&str]| {
        String::from_utf8(Command::new(NFA).args(arguments).output().unwrap().stdout).unwrap()
    };
    let help = text(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("nfa "))
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    assert!(commands.len() > 20, "{help}");
    for produced in [text(&["completion", "bash"]), text(&["completion", "fish"]), text(&["man"])] {
        for command in &commands {
            assert!(produced.contains(command), "{command}");
        }
        assert!(produced.contains("socket"));
    }
    let script = format!(
        "{}\nCOMP_WORDS=(nfa sta) COMP_CWORD=1; _nfa; echo \"${{COMPREPLY[*]}}\"",
        text(&["completion", "bash"])
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "status\n");
    let wrong = Command::new(NFA).args(["completion", "tcsh"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

/// The blocks of a document between ``` lines.
fn blocks(text: &str) -> Vec<&str> {
    text.split("\n```").skip(1).step_by(2).collect()
}

/// Commands in the documents are commands that there are, and the quick start's configuration is
/// one that `nfa check` takes.
#[test]
fn documents_say_what_works() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join("docs").join(name)).unwrap();
    let help = Command::new(NFA).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for name in ["quick-start.md", "concepts.md", "troubleshooting.md", "control.md"] {
        let text = read(name);
        let mut commands = 0;
        // In a sentence behind a backquote, in a block at the start of a line.
        for rest in text.split("`nfa ").skip(1).chain(text.split("\nnfa ").skip(1)) {
            let word: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            let known = help.lines().any(|line| line.trim_start().starts_with(&format!("{word} ")));
            assert!(known, "{name}: nfa {word}");
            commands += 1;
        }
        assert!(commands > 0, "{name}");
    }
    let quick = read("quick-start.md");
    let (_, config) = blocks(&quick)[0].split_once("<<'END'\n").unwrap();
    let (config, _) = config.split_once("\nEND\n").unwrap();
    let folder = std::env::temp_dir().join(format!("nfa-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("nfa.json");
    fs::write(&path, config).unwrap();
    let catalogue = root.join("files/usr/share/nfa/apps.d");
    let mut check = Command::new(NFA);
    check.arg("check").arg("--config").arg(&path).arg("--catalogue").arg(catalogue);
    let checked = check.output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    fs::remove_dir_all(folder).unwrap();
}
