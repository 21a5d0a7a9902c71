//! What the daemon keeps of root's rights, as the kernel tells it, and that it works without the rest:
//! an interface made again, a reload, sets of both kinds, log files. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared module serves several tests

mod daemon;
mod netlink;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use daemon::{Daemon, NFA, PING, make_link, scratch};
use netlink::{namespace, run};

/// CAP_NET_ADMIN and CAP_NET_RAW, bits 12 and 13 of linux/capability.h.
const TWO: u64 = 1 << 12 | 1 << 13;
/// The bit of CAP_BPF, which kernels before 6.0 may want for changes of maps.
const BPF: u64 = 1 << 39;

fn folder(name: &str) -> PathBuf {
    let folder = scratch(name);
    fs::create_dir_all(folder.join("logs")).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    // As /tmp is: everybody may write, and only take away what is theirs.
    fs::set_permissions(folder.join("logs"), fs::Permissions::from_mode(0o1777)).unwrap();
    let config = format!(
        r#"{{"actions": {{"torrents": {{"criteria": "protocol == 'bittorrent';",
                "targets": ["ipset", "nft", "log", "new"]}}}},
            "targets": {{
                "ipset": {{"target_type": "ipset", "set_name": "nfa.t", "type": "hash:ip,port,ip",
                    "ttl": 300, "managed": true}},
                "nft": {{"target_type": "nftset", "set_name": "t", "ttl": 300, "managed": true,
                    "type": ["other_addr", "other_port"]}},
                "log": {{"target_type": "log", "path": "{}", "prefix": "r", "interval": 1}},
                "new": {{"target_type": "log", "path": "{}", "prefix": "r", "interval": 1}}}}}}"#,
        folder.join("logs").display(),
        folder.join("new").display()
    );
    fs::write(folder.join("nfa.json"), config).unwrap();
    folder
}

fn ping(port: u16) {
    let socket = UdpSocket::bind(("192.168.1.2", port)).unwrap();
    socket.send_to(PING, ("203.0.113.9", port)).unwrap();
}

fn is_in_sets(port: u16) -> bool {
    let ipset = run("ipset list nfa.t.v4");
    let nft = run("nft list set inet nfa t.v4");
    ipset.contains(&format!("203.0.113.9,udp:{port},192.168.1.2"))
        && nft.contains(&format!("203.0.113.9 . {port} "))
}

fn works_with_what_is_left(daemon: &Daemon) {
    daemon.wait_until("it captures", |daemon| daemon.log().contains("capturing"));
    let sets = |name: &str| u64::from_str_radix(&daemon.status(name), 16).unwrap();
    daemon.wait_until("its calls are filtered", |daemon| daemon.status("Seccomp") == "2");
    for name in ["CapEff", "CapPrm"] {
        assert_eq!(sets(name) & !BPF, TWO, "{name}");
    }
    for name in ["CapInh", "CapBnd", "CapAmb"] {
        assert_eq!(sets(name), 0, "{name}");
    }
    assert_eq!(daemon.status("NoNewPrivs"), "1");
    // Its lines say the same.
    daemon.wait_until("it says so", |daemon| daemon.log().contains("CAP_NET_ADMIN, CAP_NET_RAW"));

    ping(5001);
    daemon.wait_until("elements in both sets", |_| is_in_sets(5001));
    run("ip link del lan1");
    make_link();
    daemon.wait_until("the new interface is captured", |daemon| {
        daemon.log().matches("lan1: capturing").count() == 2
    });
    ping(5002);
    daemon.wait_until("elements from there", |_| is_in_sets(5002));
    let reload = daemon.ask(&["reload"]);
    assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
    run("nft flush ruleset");
    daemon.wait_until("sets are made again", |_| {
        netlink::output("nft list set inet nfa t.v4").status.success() && is_in_sets(5002)
    });
}

/// The only file of records: its owner's, and nobody else's.
fn record_file(daemon: &Daemon, folder: &str) -> PathBuf {
    let logs = daemon.folder.join(folder);
    let find = || {
        let names = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().path());
        names.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("r-"))
    };
    daemon.wait_until("a file of records", |_| find().is_some());
    let file = find().unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    file
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o777
}

#[test]
fn two_capabilities_and_a_list_of_calls_are_enough() {
    let Some(()) = namespace() else { return };
    make_link();
    let daemon = Daemon::start(folder("few-rights"), &["--interface", "lan1"]);
    works_with_what_is_left(&daemon);
    record_file(&daemon, "logs");
    assert_eq!(mode(&daemon.folder.join("nfa.sock")), 0o660);
    assert_eq!(daemon.status("Uid"), "0\t0\t0\t0");
}

#[test]
fn so_is_being_nobody() {
    let Some(()) = namespace() else { return };
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let Some(nobody) = passwd.lines().find(|line| line.starts_with("nobody:")) else {
        return println!("skipped: no user nobody here");
    };
    let uid: u32 = nobody.split(':').nth(2).unwrap().parse().unwrap();
    make_link();
    let folder = folder("nobody");
    // A link that anybody may have put there, at a name that nfa might take: it is not followed.
    let victim = folder.join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.join("logs/.r.json")).unwrap();
    let daemon = Daemon::start(folder, &["--interface", "lan1", "--user", "nobody"]);
    works_with_what_is_left(&daemon);
    assert_eq!(daemon.status("Uid"), format!("{uid}\t{uid}\t{uid}\t{uid}"));
    assert_eq!(daemon.status("Groups"), "");
    // The folder that was not there is made where only root may make one.
    for folder in ["logs", "new"] {
        let file = record_file(&daemon, folder);
        assert_eq!(file.metadata().unwrap().uid(), uid);
    }
    let socket = daemon.folder.join("nfa.sock");
    assert_eq!((mode(&socket), socket.metadata().unwrap().uid()), (0o660, uid));
    assert_eq!(fs::read_to_string(daemon.folder.join("victim")).unwrap(), "precious");
}

#[test]
fn a_user_that_is_not_there_is_named_before_anything_is_done() {
    let folder = folder("no-user");
    let output = Command::new(NFA)
        .args(["run", "--user", "no-such-user", "--config"])
        .arg(folder.join("nfa.json"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no-such-user") && told.contains("/etc/passwd"), "{told}");
    fs::remove_dir_all(folder).unwrap();
}
