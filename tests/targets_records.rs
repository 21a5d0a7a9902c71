//! Records of flows that match: files, sockets. The log of A2, the sink of A8.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code)] // the shared module serves several tests

mod rig;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nfa::config::{self, Severity};
use nfa::lists::Lists;
use rig::{Rig, handshake};
use serde_json::Value;

const CLIENT: &str = "192.168.1.10 5000";
const PEER: &str = "203.0.113.9 6881";

fn folder(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nfa-records-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_flow_is_written_down_once_for_each_action_and_target() {
    let folder = folder("log");
    let path = folder.join("netifyd/");
    let text = format!(
        r#"{{ "targets": {{
        "log": {{ "target_type": "log", "target_enabled": true, "interval": 60, "path": "{0}", "prefix": "dpi-actions" }},
        "same": {{ "target_type": "log", "interval": 60, "path": "{0}", "prefix": "dpi-actions" }} }},
        "actions": {{
        "rule0": {{ "enabled": true, "criteria": "proto == 'bittorrent' ;", "targets": ["log", "log"], "exemptions": [] }},
        "analyzed": {{ "enabled": true, "criteria": "detection_guessed || detection_complete;", "targets": ["same"] }} }},
        "exemptions": ["192.168.1.22"] }}"#,
        path.display()
    );
    let mut rig = Rig::new(&text);
    rig.tcp(CLIENT, PEER, &handshake());
    rig.tcp("192.168.1.22 5000", PEER, &handshake());
    rig.reload(&text);
    for _ in 0..59 {
        rig.wait(1);
        rig.restore();
    }
    assert_eq!(names(&path), [""; 0], "the interval is not over");
    rig.wait(1);
    rig.restore();
    // Engine time 1060 s after 2026-03-29 12:00:00 UTC, on a clock two hours ahead.
    assert_eq!(names(&path), ["dpi-actions-20260329-141740.json"]);
    let written = fs::read_to_string(path.join("dpi-actions-20260329-141740.json")).unwrap();
    let lines: Vec<Value> = written.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let words = |line: &Value| format!("{} {}", line["action"], line["target"]);
    let told: Vec<String> = lines.iter().map(words).collect();
    assert_eq!(told, [r#""rule0" "log""#, r#""analyzed" "same""#]);
    let flow = &lines[0];
    assert_eq!(flow["detected_protocol_name"], "BitTorrent");
    assert_eq!(
        (&flow["local_ip"], &flow["other_ip"]),
        (&"192.168.1.10".into(), &"203.0.113.9".into())
    );
    let seen = (1_774_785_600_000_u64 + 1_000_000).into();
    assert_eq!((&flow["first_seen_at"], &flow["last_seen_at"]), (&seen, &seen), "Unix time");
    // Nothing more, no file; what is left at the end is written.
    for _ in 0..200 {
        rig.wait(1);
        rig.restore();
    }
    assert_eq!(names(&path).len(), 1);
    rig.tcp("192.168.1.10 5001", PEER, &handshake());
    rig.close();
    assert_eq!(names(&path).len(), 2);
    assert_eq!(rig.told(), [""; 0]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn whoever_reads_the_socket_gets_the_same_lines() {
    let folder = folder("sink");
    let path = folder.join("sub/block.sock");
    let text = format!(
        r#"{{"targets": {{"log": {{"target_type":"sink","target_enabled":true,"sink":"sink-log",
        "channel":"nfa_block_log", "path": "{}"}}}},
        "actions": {{"a": {{"criteria": "proto == 'bittorrent';", "targets": ["log"]}}}}}}"#,
        path.display()
    );
    let mut rig = Rig::new(&text);
    rig.tcp(CLIENT, PEER, &handshake());
    let reader = UnixStream::connect(&path).unwrap();
    rig.recorder.serve();
    rig.reload(&text); // goes on
    rig.tcp("192.168.1.10 5001", PEER, &handshake());
    let line = BufReader::new(reader).lines().next().unwrap().unwrap();
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&record["action"], &record["local_port"]), (&"a".into(), &5001.into()));
    rig.reload("{}");
    assert!(!path.exists());
    assert_eq!(rig.told(), [""; 0]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn sinks_are_found_by_name() {
    let check = |properties: &str| {
        let text = format!(r#"{{"targets": {{"t": {{"target_type": "sink", {properties}}}}}}}"#);
        let catalogue = nfa::app::Catalogue::empty();
        let (config, findings) =
            config::parse(&text, Path::new("x"), &catalogue, Lists::default()).unwrap();
        match findings.into_iter().find(|finding| finding.severity == Severity::Error) {
            Some(finding) => finding.problem.to_string(),
            None => config.streams.get(nfa::effect::StreamId(0)).unwrap().to_string(),
        }
    };
    for (properties, expected) in [
        (
            r#""target_enabled":true,"sink":"sink-log","channel":"nfa_block_log""#,
            "socket /var/run/nfa/sink-log.nfa_block_log.sock",
        ),
        (r#""sink": "syslog", "channel": "any""#, "syslog"),
        (r#""path": "/tmp/x.sock""#, "socket /tmp/x.sock"),
        (r#""sink": "../x""#, "expected a name, not a path, found \"../x\""),
        (r#""path": "x.sock""#, "expected an absolute path of at most 107 bytes, found \"x.sock\""),
        (r#""channel": "x""#, "missing; expected a name, \"syslog\", or the \"path\" of a socket"),
    ] {
        assert_eq!(check(properties), expected);
    }
}
