//! The program as a user meets it: exit statuses, what it says, what it prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const NFA: &str = env!("CARGO_BIN_EXE_nfa");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn nfa(arguments: &[&str]) -> Output {
    let catalogue = ["--catalogue", "files/usr/share/nfa/apps.d"];
    Command::new(NFA).current_dir(root()).args(arguments).args(catalogue).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder for the files of one test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn pcap(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/pcap").join(name)).unwrap()
}

/// A capture file of one frame (draft-ietf-opsawg-pcap section 4).
fn one_frame(link_type: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65535, link_type, 1, 0, 4, 4] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(b"abcd");
    bytes
}

/// The lines of one type among the output.
fn lines_of(output: &Output, kind: &str) -> Vec<Value> {
    let lines = text(&output.stdout).lines();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().filter(|line| line["type"] == kind).collect()
}

/// The lines of flows among the output.
fn flows(output: &Output) -> Vec<Value> {
    lines_of(output, "flow")
}

/// The same packets as in `effects.txt`, counted from 1 in each capture.
#[test]
fn set_changes_name_the_packet_that_caused_them() {
    let effects = fs::read_to_string(root().join("tests/pcap/effects.txt")).unwrap();
    for name in ["bittorrent_tcp_v4.pcap", "bittorrent_http_tracker_v6.pcap"] {
        let path = format!("tests/pcap/{name}");
        let config = "docs/examples/headline.json";
        let output = nfa(&["replay", "--config", config, &path]);
        let changes = lines_of(&output, "set");
        assert!(!changes.is_empty(), "{name}");
        let (_, section) = effects.split_once(&format!("{name}\n")).unwrap();
        let (section, _) = section.split_once("\n\n").unwrap();
        let expected: Vec<&str> = section.lines().filter(|line| line.contains("packet ")).collect();
        let found: Vec<String> = changes
            .iter()
            .map(|line| {
                let sign = if line["change"] == "add" { "+" } else { "-" };
                let (set, element) = (&line["set"], &line["element"]);
                let (set, element) = (set.as_str().unwrap(), element.as_str().unwrap());
                format!("  packet {}: {sign} {set} {element}", line["packet"])
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn wrong_arguments_are_told_in_a_line_with_status_2() {
    for (arguments, said) in [
        (&[][..], "nfa: expected a command, such as run, check or replay"),
        (&["replya"], "nfa: no command 'replya'; did you mean 'replay'?"),
        (&["frobnicate"], "nfa: no command 'frobnicate'"),
        (&["replay", "--sumary"], "nfa: no option '--sumary'; did you mean '--summary'?"),
        (&["replay", "-x"], "nfa: no option '-x'"),
        (&["replay"], "nfa: replay needs one or more captures; \"-\" is standard input"),
        (&["check"], "nfa: check needs --config FILE"),
        (&["run"], "nfa: run needs --config FILE"),
        (&["explain", "a.pcap"], "nfa: explain needs --config FILE"),
        (&["lookup"], "nfa: lookup needs a host name or an address"),
        (&["apps", "a", "b"], "nfa: apps takes one argument at most, found 'b'"),
        (&["check", "x", "--config", "y"], "nfa: check takes no argument, found 'x'"),
        (
            &["replay", "--max-flows", "0", "x"],
            "nfa: --max-flows '0': expected a whole number above 0",
        ),
        (
            &["replay", "--local", "lan", "x"],
            "nfa: --local 'lan': expected a network such as 2001:db8::/56",
        ),
    ] {
        let output = nfa(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stderr), format!("{said}\nTry 'nfa --help'.\n"), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    let missing = Command::new(NFA).args(["check", "--config"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("missing argument for option '--config'"));
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = nfa(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let commands = ["replay", "run", "check", "explain", "lookup", "apps", "fields"];
    for word in commands.into_iter().chain(["--config FILE", "--json", "exit status"]) {
        assert!(text(&help.stdout).contains(word), "{word}");
    }
    let version = nfa(&["--version"]);
    assert_eq!(text(&version.stdout), concat!("nfa ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(text(&nfa(&["explain", "--help"]).stdout).starts_with("nfa explain - "));
}

#[test]
fn configurations_that_cannot_be_used_end_with_status_1() {
    let folder = scratch("config");
    let bad = file(&folder, "bad.json", b"{ \"actions\": {,} }");
    let folder = folder.to_str().unwrap();
    let missing = format!("{folder}/none.json");
    for (config, said) in [
        (missing.as_str(), "none.json: error: No such file or directory"),
        (folder, "cli-config: error: Is a directory"),
        (bad.as_str(), "bad.json:1:15: error: not valid JSON: key must be a string"),
    ] {
        for command in [
            &["check"][..],
            &["replay", "tests/pcap/dns.pcap"],
            &["explain", "tests/pcap/dns.pcap"],
        ] {
            let output = nfa(&[command, &["--config", config]].concat());
            let told = [&output.stdout[..], &output.stderr].concat();
            assert_eq!(output.status.code(), Some(1), "{command:?} {config}");
            assert!(text(&told).contains(said), "{command:?} {config}: {}", text(&told));
            assert!(!text(&told).contains("\"type\":"), "nothing is replayed");
        }
    }
}

#[test]
fn one_bad_action_leaves_the_rest_at_work() {
    let config = br#"{ "targets": { "t": { "target_type": "ipset", "set_name": "nfa.t" } },
        "actions": { "bad": { "criteria": "aplication == 'x';", "targets": ["t"] },
                     "good": { "criteria": "app == 'youtube';", "targets": ["t"] } } }"#;
    let config = file(&scratch("bad-action"), "config.json", config);
    let output = nfa(&["replay", "tests/pcap/tls_youtube.pcap", "--config", &config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("did you mean `application`?"));
    let changes = text(&output.stdout).lines().filter(|line| line.contains("\"set\""));
    assert!(changes.filter(|line| line.contains("\"change\":\"add\"")).count() == 2);
}

#[test]
fn captures_that_cannot_be_read_are_told_and_the_rest_is_shown() {
    let folder = scratch("capture");
    let whole = pcap("tls_youtube.pcap");
    let missing = folder.join("none.pcap").to_str().unwrap().to_owned();
    let cases = [
        (missing, "none.pcap: No such file or directory", 0),
        (file(&folder, "empty.pcap", b""), "empty.pcap: the file is empty, expected a capture", 0),
        (file(&folder, "text.pcap", &[b'x'; 100]), "text.pcap: not a pcap or pcapng capture", 0),
        (file(&folder, "cut.pcap", &whole[..1000]), "cut.pcap: the capture is cut short", 1),
        (file(&folder, "link.pcap", &one_frame(147)), "link.pcap: link type 147 has no decoder", 0),
        (folder.to_str().unwrap().to_owned(), "cli-capture: is a directory", 0),
    ];
    for (path, said, shown) in &cases {
        let output = nfa(&["replay", path]);
        assert_eq!(output.status.code(), Some(1), "{path}");
        let told = text(&output.stderr);
        assert!(told.starts_with("nfa: ") && told.contains(said), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert_eq!(flows(&output).len(), *shown, "{path}");
        // The next capture is read all the same.
        let output = nfa(&["replay", path, "tests/pcap/tls_youtube.pcap"]);
        assert_eq!((output.status.code(), flows(&output).len()), (Some(1), shown + 2), "{path}");
    }
}

#[test]
fn captures_are_read_compressed_and_from_standard_input() {
    let whole = pcap("tls_youtube.pcap");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&whole).unwrap();
    let path = file(&scratch("gzip"), "capture.pcap.gz", &packed.finish().unwrap());
    let output = nfa(&["replay", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(flows(&output), flows(&nfa(&["replay", "tests/pcap/tls_youtube.pcap"])));
    let mut child = Command::new(NFA)
        .current_dir(root())
        .args(["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&whole).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), flows(&output).len()), (Some(0), 2));
}

/// `nfa replay ... | head -1`: the reader leaves, and that is no error.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let captures = ["tests/pcap/dns.pcap"; 400]; // more lines than a pipe holds
    for command in
        [&["replay"][..], &["explain", "--config", "docs/examples/headline.json"], &["apps"]]
    {
        let captures = if command == ["apps"] { &[][..] } else { &captures };
        let mut child = Command::new(NFA)
            .current_dir(root())
            .args(command)
            .args(captures)
            .args(["--catalogue", "files/usr/share/nfa/apps.d"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert!(!line.is_empty());
        assert_eq!(text(&output.stderr), "", "{command:?}");
        assert_eq!(output.status.code(), Some(0), "{command:?}");
    }
}

#[test]
fn flow_lines_have_the_names_of_the_format() {
    let one = |name: &str| {
        let output = nfa(&["replay", &format!("tests/pcap/{name}")]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        let line = flows(&output).remove(0);
        let flow = &line["flow"];
        for key in [
            "first_seen_at",
            "last_seen_at",
            "ip_version",
            "ip_protocol",
            "ip_dscp",
            "vlan_id",
            "local_port",
            "other_port",
            "detected_application",
            "detected_protocol",
            "detection_packets",
            "local_packets",
            "other_bytes",
            "total_bytes",
            "total_packets",
        ] {
            assert!(flow[key].is_u64(), "{name}: {key} in {flow}");
        }
        for key in
            ["local_ip", "other_ip", "other_type", "local_mac", "other_mac", "detection_source"]
        {
            assert!(flow[key].is_string(), "{name}: {key} in {flow}");
        }
        for key in ["local_origin", "detection_guessed", "detection_updated", "dhc_hit"] {
            assert!(flow[key].is_boolean(), "{name}: {key} in {flow}");
        }
        assert_eq!((&line["interface"], &line["internal"]), (&"br-lan".into(), &true.into()));
        line["flow"].clone()
    };
    let tls = one("tls_youtube.pcap");
    assert_eq!(tls["detected_protocol"], 196);
    assert_eq!(tls["detected_protocol_name"], "HTTP/S");
    assert_eq!(tls["detected_application"], 124);
    assert_eq!(tls["detected_application_name"], "netify.youtube");
    assert_eq!(tls["category"]["application"], "streaming-media");
    assert_eq!(tls["category"]["protocol"], "web");
    assert_eq!(tls["host_server_name"], "www.youtube.com");
    assert_eq!(tls["ssl"]["client_sni"], "www.youtube.com");
    assert!(tls["ssl"]["version"].as_str().unwrap().starts_with("0x030"));
    assert!(tls["ssl"]["client_ja4"].is_string());
    let quic = one("quic_youtube.pcap");
    assert_eq!(quic["detected_protocol_name"], "QUIC");
    assert_eq!(quic["ip_protocol"], 17);
    assert_eq!(quic["host_server_name"], "www.youtube.com");
    assert_eq!(quic["ssl"]["alpn"][0], "h3");
    let dns = one("dns.pcap");
    assert_eq!((&dns["detected_protocol"], &dns["other_port"]), (&5.into(), &53.into()));
    let torrent = one("bittorrent_tcp_v4.pcap");
    assert_eq!(torrent["detected_protocol_name"], "BitTorrent");
    assert_eq!(torrent["category"]["protocol"], "file-sharing");
    assert_eq!(torrent["bt"]["info_hash"].as_str().unwrap().len(), 40);
}

#[test]
fn the_summary_is_a_table() {
    let arguments = ["replay", "--quiet", "--summary", "--config", "docs/examples/headline.json"];
    let captures = ["tests/pcap/tls_youtube.pcap", "tests/pcap/bittorrent_dht_v4.pcap"];
    let output = nfa(&[&arguments[..], &captures].concat());
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    for (row, numbers) in [
        ("HTTP/S", &["2", "0", "20"][..]),
        ("BitTorrent", &["1", "0"]),
        ("netify.youtube", &["2"]),
        ("ipset nfa.bittorrent.v4", &["1", "1", "0", "1"]),
        ("ipset nfa.youtube.v6", &["1", "1", "0", "1"]),
    ] {
        let line = table.lines().find(|line| line.starts_with(row)).unwrap();
        let cells: Vec<&str> = line.strip_prefix(row).unwrap().split_whitespace().collect();
        assert!(cells.starts_with(numbers), "{line}");
    }
    for head in ["protocol ", "application ", "set "] {
        assert!(table.lines().any(|line| line.starts_with(head)), "{table}");
    }
}

#[test]
fn explanations_name_what_decided() {
    let explain = |flow: &str| {
        let output =
            nfa(&["explain", "--config", "docs/examples/headline.json", "--flow", flow, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let ends = "tcp 192.168.1.10:40000 203.0.113.9:443";
    let told = explain(&format!("{ends} host=www.youtube.com"));
    assert_eq!(told["flow"]["detected_application_name"], "netify.youtube");
    assert_eq!(told["flow"]["detection_guessed"], true);
    let actions = told["actions"].as_array().unwrap();
    let matches: Vec<&Value> = actions.iter().map(|action| &action["matches"]).collect();
    assert_eq!(matches, [false, true, false]);
    assert_eq!(
        actions[1]["targets"][0]["wants"][0],
        "203.0.113.9,tcp:443,192.168.1.10 in ipset nfa.youtube.v4, timeout 120 s"
    );
    assert_eq!(actions[2]["tests"][0]["found"][0], "streaming-media (29)");
    let told = explain(&format!("{ends} protocol=http/s host='twitter.com' mac=00:11:22:33:44:55"));
    assert_eq!(told["actions"][2]["decided_by"], "exemption");
    assert_eq!(told["flow"]["local_mac"], "00:11:22:33:44:55");
    let told = explain(
        "udp 192.168.1.10:40000 [2001:db8::1]:53".replace("[2001:db8::1]", "8.8.8.8").as_str(),
    );
    assert_eq!(told["actions"][0]["decided_by"], "global_exemption");

    let output =
        nfa(&["explain", "--config", "docs/examples/headline.json", "tests/pcap/tls_twitter.pcap"]);
    let lines = text(&output.stdout);
    assert!(lines.contains("HTTP/S, netify.twitter (social-media), host twitter.com"), "{lines}");
    assert!(lines.contains("  social: no: its exemption app == 'netify.twitter';"), "{lines}");
    assert!(lines.contains("    > true   app == 'netify.twitter'"), "{lines}");

    for (flow, said) in [
        ("tcp 1.1.1.1:1", "expected a transport, two ends and facts"),
        ("tpc 1.1.1.1:1 2.2.2.2:2", "expected tcp, udp, icmp or a protocol number, found 'tpc'"),
        ("tcp 1.1.1:1 2.2.2.2:2", "found '1.1.1:1'"),
        ("tcp 1.1.1.1:1 [::1]:2", "expected both ends to be IPv4 or both IPv6"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 hots=x", "no fact 'hots'; did you mean 'host'?"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 app=yuotube", "did you mean 'netify.youtube'?"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 protocol=bitorrent", "did you mean 'BitTorrent'?"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 ip_dscp=64", "expected a number from 0 to 63, found '64'"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 host=x.org", "no protocol is registered for these ports"),
        ("tcp 1.1.1.1:1 2.2.2.2:2 local_ip=1.1.1.1", "no fact 'local_ip'"),
    ] {
        let output = nfa(&["explain", "--config", "docs/examples/headline.json", "--flow", flow]);
        assert_eq!(output.status.code(), Some(2), "{flow}");
        assert!(text(&output.stderr).contains(said), "{flow}: {}", text(&output.stderr));
    }
}

#[test]
fn lists_show_names_and_suggest_them() {
    for (arguments, line) in [
        (&["apps", "124"][..], "124  netify.youtube  streaming-media  YouTube"),
        (&["protocols", "196"], "196  HTTP/S    web"),
        (&["categories", "social"], "24  social-media  application"),
        (
            &["fields", "bt_info"],
            "bt_info_hash  text  yes        -        torrent, 40 hexadecimal digits",
        ),
        (
            &["lookup", "www.youtube.com"],
            "www.youtube.com: netify.youtube (YouTube), category streaming-media, id 124, by \
             domain youtube.com",
        ),
    ] {
        let output = nfa(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stdout).lines().last(), Some(line), "{arguments:?}");
        let json = nfa(&[arguments, &["--json"]].concat());
        assert!(serde_json::from_slice::<Value>(&json.stdout).unwrap().is_object());
    }
    for (arguments, said) in [
        (
            &["apps", "yuotube"][..],
            "nfa: no application 'yuotube'; did you mean 'netify.youtube'?\n",
        ),
        (&["protocols", "bitorrent"], "nfa: no protocol 'bitorrent'; did you mean 'BitTorrent'?\n"),
        (&["categories", "gmaes"], "nfa: no category 'gmaes'; did you mean 'games'?\n"),
        (&["fields", "aplication"], "nfa: no field 'aplication'; did you mean 'application'?\n"),
        (
            &["lookup", "yutube"],
            "nfa: no application for 'yutube'; did you mean 'netify.youtube'?\n",
        ),
        (&["lookup", "host.invalid"], "nfa: no application for 'host.invalid'\n"),
    ] {
        let output = nfa(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(text(&output.stderr), said);
    }
    let every = nfa(&["fields", "--json"]);
    let fields: Vec<Value> =
        text(&every.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(fields.len(), nfa::policy::schema().fields().len());
    assert!(fields.iter().all(|field| field["available"].is_boolean()));
}

/// The program and its configuration where a user without rights may read them.
fn public(name: &str) -> Option<(PathBuf, String)> {
    let folder = std::env::temp_dir().join(format!("nfa-cli-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("nfa");
    fs::copy(NFA, &program).unwrap();
    let config = file(&folder, "config.json", b"{}");
    Some((folder, config))
}

#[test]
fn without_rights_run_says_which_and_ends() {
    if nfa::sys::effective_uid() != 0 {
        eprintln!("skipped: needs root to become somebody else");
        return;
    }
    let (folder, config) = public("rights").unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups"])
        .arg(folder.join("nfa"))
        .args(["run", "--config", &config])
        .output();
    fs::remove_dir_all(&folder).unwrap();
    let Ok(output) = output else {
        eprintln!("skipped: no setpriv");
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("no permission to capture, run as root or with CAP_NET_RAW"), "{said}");
}

#[test]
fn run_waits_for_a_missing_interface_and_ends_when_told() {
    if !nfa::sys::has_capability(nfa::sys::CAP_NET_RAW) {
        eprintln!("skipped: needs the right to capture");
        return;
    }
    let config = file(&scratch("run"), "config.json", b"{}");
    let mut child = Command::new(NFA)
        .current_dir(root())
        .args(["run", "--config", &config, "--interface", "nfa-none0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    // Where there is a syslog, the lines are there.
    if !Path::new("/dev/log").exists() {
        assert!(said.contains("nfa-none0: no such interface; waiting for it"), "{said}");
    }
}

/// A user's own catalogue: a folder with both kinds of files, or single files in any order. What
/// comes later wins, and only where it says so.
#[test]
fn own_applications_are_looked_up_before_ours() {
    let folder = scratch("own-apps");
    let ours = "files/usr/share/nfa/apps.d";
    file(
        &folder,
        "games.json",
        br#"{"chess-club": {"id": 60001, "name": "Chess club", "domains": ["chess.test", "music.youtube.com"]}}"#,
    );
    let signatures =
        b"# mine\napp:60002:home.nas\ndom:60002:nas.test\ndom:60002:photos-*.nas-cdn.test\n\
                       dom:60002:chess.test\nnet:60002:192.0.2.0/24\ndom:124:tube.test\n";
    let single = file(&folder, "own.conf", signatures);
    let own = folder.to_str().unwrap();
    let lookup = |catalogues: &[&str], names: &[&str]| {
        let catalogues = catalogues.iter().flat_map(|path| ["--catalogue", path]);
        let mut command = Command::new(NFA);
        command.current_dir(root()).arg("lookup").args(names).args(catalogues);
        let output = command.output().unwrap();
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    for (name, expected) in [
        ("box.nas.test", "home.nas (nas), category unclassified, id 60002, by domain nas.test"),
        (
            "photos-7.nas-cdn.test",
            "home.nas (nas), category unclassified, id 60002, by pattern photos-*.nas-cdn.test",
        ),
        ("192.0.2.9", "home.nas (nas), category unclassified, id 60002, by network 192.0.2.0/24"),
        // The text comes after the JSON of its folder.
        ("chess.test", "home.nas (nas), category unclassified, id 60002, by domain chess.test"),
        (
            "music.youtube.com",
            "netify.chess-club (Chess club), category games, id 60001, by domain music.youtube.com",
        ),
        (
            "a.tube.test",
            "netify.youtube (YouTube), category streaming-media, id 124, by domain tube.test",
        ),
        (
            "www.youtube.com",
            "netify.youtube (YouTube), category streaming-media, id 124, by domain youtube.com",
        ),
    ] {
        let (found, complaints) = lookup(&[ours, own], &[name]);
        assert_eq!((found, &*complaints), (format!("{name}: {expected}\n"), ""));
    }
    let (found, _) = lookup(&[ours, &single], &["music.youtube.com", "nas.test"]);
    assert!(found.contains("id 60002") && !found.contains("chess-club"), "{found}");
    // A file that is not there is told, and the rest counts.
    let (found, complaints) = lookup(&[ours, "absent.conf"], &["www.youtube.com"]);
    assert!(found.contains("id 124") && complaints.contains("absent.conf: "), "{complaints}");
    let wrong = file(&folder, "wrong.conf", b"dom:61000:a.test\nxfm:a:b\n");
    let (_, complaints) = lookup(&[ours, &wrong], &["www.youtube.com"]);
    let told: Vec<&str> = complaints.lines().collect();
    assert_eq!(told.len(), 2, "{complaints}");
    assert!(told[0].ends_with("wrong.conf:1: expected a line app:61000:TAG before this one"));
    assert!(told[1].ends_with("wrong.conf:2: not supported: xfm: lines are left out"));
    fs::remove_dir_all(folder).unwrap();
}
