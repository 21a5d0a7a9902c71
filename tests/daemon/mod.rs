//! The daemon on one end of a veth in the test's own namespace, and what to ask of it. Needs root.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::netlink::run;

pub const NFA: &str = env!("CARGO_BIN_EXE_nfa");
/// Far more than anything takes, on a machine that is busy with other tests.
pub const SETTLE: Duration = Duration::from_secs(20);
/// BEP 5: the example of a ping.
pub const PING: &[u8] = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";

/// The daemon, which ends with the test.
pub struct Daemon {
    pub child: Child,
    /// Its configuration, log, socket, and what a test puts beside them.
    pub folder: PathBuf,
}

impl Daemon {
    /// With the configuration `nfa.json` in a folder, which goes with the test.
    pub fn start(folder: PathBuf, more: &[&str]) -> Self {
        Daemon::start_with(folder, more, &[])
    }

    /// With variables of the environment too.
    pub fn start_with(folder: PathBuf, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let log = fs::File::create(folder.join("log")).unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(NFA);
        command.args(["run", "--config"]).arg(folder.join("nfa.json"));
        command.arg("--catalogue").arg(root.join("files/usr/share/nfa/apps.d"));
        command.arg("--socket").arg(folder.join("nfa.sock")).args(more);
        command.envs(variables.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        Daemon { child: child.unwrap(), folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("nfa.sock")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What a command says over the control socket.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(NFA);
        command.args(arguments).arg("--socket").arg(self.socket()).output().unwrap()
    }

    /// The answer of a command with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[arguments, &["--json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {told}"))
    }

    /// What a command says to people.
    pub fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.ask(arguments).stdout).unwrap()
    }

    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < SETTLE, "not within {SETTLE:?}: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn signal(&self, name: &str) {
        run(&format!("kill -{name} {}", self.child.id()));
    }

    /// What the kernel tells of the process: a line of `/proc/PID/status`.
    pub fn status(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        line.trim_start_matches(':').trim().to_owned()
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS").trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// A folder of this test's own.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("nfa-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A link whose far end, `lan1`, the daemon listens at: a client's address on the near one, and a
/// route to 203.0.113.0/24 (RFC 5737) through a router that never answers.
pub fn make_link() {
    for line in [
        "ip link add lan0 type veth peer name lan1",
        "ip addr add 192.168.1.2/24 dev lan0",
        "ip link set lan0 up",
        "ip link set lan1 up",
        "ip neigh add 192.168.1.1 lladdr 02:00:00:00:00:01 dev lan0",
        "ip route add 203.0.113.0/24 via 192.168.1.1",
    ] {
        run(line);
    }
}
