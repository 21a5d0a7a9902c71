"""A home whose router runs nfa as OpenWrt does: the real init script under busybox, the stand-ins of
tests/openwrt for procd, the real daemon, two clients with live traffic.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

from lab import CLIENTS  # noqa: E402
from main_job import agent_path  # noqa: E402
from server import Router, ask_daemon  # noqa: E402
from world import ROOT, World  # noqa: E402

UCI = """
config globals 'globals'
	option enabled '0'
	option timeout '300'

config interface 'lan'
	option role 'lan'

config group 'kids'
	list member '02:00:00:00:00:01'

config schedule 'school_nights'
	list day 'sun'
	list day 'mon'
	option start '21:00'
	option end '06:30'

config rule 'films'
	option name 'Films'
	list category 'streaming-media'
	option class 'video'
	list set 'films'

config rule 'no_social_at_night'
	option name 'No social media on school nights'
	option enabled '0'
	list category 'social-media'
	list group 'kids'
	list schedule 'school_nights'
	option action 'reject'
"""


class Home:
    """The namespaces, the daemon and what LuCI's pages would find on the router."""

    def __init__(self, lab):
        self.lab, self.world = lab, World(lab)
        self.nfa = agent_path()
        self.work = lab.scratch / "openwrt"
        self.work.mkdir()
        self.uci, self.firewall = self.work / "nfa", self.work / "firewall"
        self.uci.write_text(UCI)
        self.firewall.write_text("config defaults\n\toption flow_offloading '1'\n")
        (self.work / "device.lan").write_text("br-lan\n")
        self.control = lab.scratch / "nfa.sock"
        self.agent = None
        self.bin = self.work / "bin"
        self.bin.mkdir()
        for tool in ("fw4", "logger", "uci"):
            shutil.copy(ROOT / "tests/openwrt/bin" / tool, self.bin)

    def start(self):
        """Everything but the daemon, which is switched off."""
        self.world.start()
        self.lab.bridge_up()
        names = dict(zip(CLIENTS, ("Tablet.lan", "Television.lan"), strict=True))
        hints = {
            self.mac(client).upper(): {"ipaddrs": [v4], "ip6addrs": [v6], "name": names[client]}
            for client, (v4, v6) in CLIENTS.items()
        }
        files = {"nfa": self.uci, "firewall": self.firewall}
        self.router = Router(self.control, files, self.apply, self.execute, hints)

    def mac(self, client):
        return self.lab.run(client, "cat", "/sys/class/net/eth0/address").strip()

    def init_script(self, command):
        """A command of /etc/init.d/nfa, in the router's namespace."""
        script = f"SCRIPT={ROOT}/files/etc/init.d/nfa; . {ROOT}/tests/openwrt/rc.sh; {command}"
        environment = [
            f"WORK={self.work}",
            f"NFA={self.nfa}",
            f"PATH={self.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        argv = [
            "ip",
            "netns",
            "exec",
            self.lab.netns("router"),
            "env",
            *environment,
            "busybox",
            "ash",
            "-c",
            script,
        ]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60)

    def apply(self):
        """procd's part of a reload: it starts what is to run, and passes the signal on."""
        log = self.work / "log"
        log.write_text("")
        self.init_script("reload")
        said = log.read_text().splitlines()
        wants = next(
            (
                line.split()[2:]
                for line in said
                if line.startswith("param command") and " run " in line
            ),
            None,
        )
        if wants is None and self.agent:
            self.agent.stop()
            self.agent = None
            (self.work / "running").unlink()
        elif wants and not self.agent:
            self.agent = self.lab.spawn("router", "nfa", *wants, "--socket", self.control)
            (self.work / "running").touch()
        elif "signal nfa nfa HUP" in said:
            self.agent.signal(signal.SIGHUP)

    def execute(self, command):
        path, rest = command.split(" ", 1)
        assert path == "/etc/init.d/nfa", command
        done = self.init_script(rest)
        return done.returncode, done.stdout, done.stderr

    def ask(self, method, **args):
        return ask_daemon(self.control, {"method": method, **args}).get("result")

    def rule(self, name):
        told = self.ask("status") or {"rules": []}
        return next((rule for rule in told["rules"] if rule["name"] == name), None)


def hello_to(lab, address, name):
    """A TLS ClientHello with that server name (RFC 8446, 4.1.2; RFC 6066, 3), to HTTPS."""
    entry = b"\0" + len(name).to_bytes(2) + name
    listed = len(entry).to_bytes(2) + entry
    extension = b"\0\0" + len(listed).to_bytes(2) + listed
    body = (
        b"\3\3"
        + bytes(32)
        + b"\0"
        + b"\0\2\x13\x01"
        + b"\1\0"
        + len(extension).to_bytes(2)
        + extension
    )
    hello = b"\1" + len(body).to_bytes(3) + body
    record = b"\x16\3\1" + len(hello).to_bytes(2) + hello
    script = f"import socket,time\ns=socket.create_connection(({address!r},443))\ns.sendall({record!r})\ntime.sleep(60)"
    lab.spawn("client1", "hostile", sys.executable, "-c", script)


def many_flows(lab, address, count):
    """As many UDP flows, which go on."""
    script = f"""
import socket, time
sockets = []
for port in range(20000, 20000 + {count}):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(('', port))
    sockets.append(one)
for turn in range(60):
    for one in sockets:
        one.sendto(b'INVITE sip:bob@example.net SIP/2.0\\r\\nVia: SIP/2.0/UDP x\\r\\n\\r\\n' * (1 + turn % 3), ({address!r}, 5060))
    time.sleep(1)
"""
    lab.spawn(
        "client1", "many", "bash", "-c", f'ulimit -n 8000; exec {sys.executable} -c "$0"', script
    )
