"""One daemon, one link, one talker: what the faults and the floods share."""

import json
import re
import subprocess
import time
from pathlib import Path

from lab import Lab, wait_for
from main_job import agent_path
from sets import Sets
from talker import LOCAL, tuple_of
from world import ROOT

TALKER = Path(__file__).with_name("talker.py")
PYTHON = "/usr/bin/python3"


def member(number, kind="udp"):
    """The element of a flow of the talker in a set hash:ip,port,ip."""
    _, far, dport = tuple_of(number)
    return f"{far},{kind}:{443 if kind == 'tcp' else dport},{LOCAL}"


def action(criteria, *targets):
    return {"criteria": criteria, "targets": list(targets)}


def ipset(name, **more):
    return {"target_type": "ipset", "set_name": name, "type": "hash:ip,port,ip", "ttl": 300,
            "managed": True, "set_family": "ipv4", **more}  # fmt: skip


def nftset(name, **more):
    return {"target_type": "nftset", "set_name": name, "ttl": 300, "managed": True,
            "set_family": "ipv4", "type": ["other_addr", "ip_proto", "other_port", "local_addr"],
            **more}  # fmt: skip


class Rig:
    """A router that captures on `lan1`, whose other end the talker writes to. A context manager."""

    def __init__(self, name, prefix="nfafault"):
        self.lab = Lab(prefix=prefix)
        self.name = name
        self.folder = self.lab.scratch
        self.socket = self.folder / "nfa.sock"
        self.config = self.folder / "nfa.json"
        self.agent = None
        self.runs = 0

    def __enter__(self):
        self.lab.__enter__()
        try:
            for where in ("router", "far"):
                self.lab._namespace(where, ["192.0.2.1"])
            self.link()
        except BaseException:
            self.lab.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.lab.__exit__()

    def link(self):
        self.lab._veth("router", "lan1", "far", "far1")
        self.lab._addresses("router", "lan1", "192.168.1.1/24")

    def unlink(self):
        self.lab.run("router", "ip", "link", "del", "lan1")

    def write(self, config):
        """A configuration, or any text."""
        if isinstance(config, dict):
            config = json.dumps({"interfaces": {"lan1": {"role": "lan"}}, **config})
        self.config.write_text(config)

    def start(self, *more, wrap=(), env=None, ready=True):
        """The daemon; `wrap`: words before its own."""
        self.runs += 1
        self.agent = self.lab.spawn(
            "router", f"nfa-{self.runs}", *wrap, agent_path(), "run", "--config", self.config,
            "--socket", self.socket, "--catalogue", ROOT / "files/usr/share/nfa/apps.d", *more,
            env=env,
        )  # fmt: skip
        if ready:
            wait_for("the daemon answers", self.status, 15)
        return self.agent

    def talk(self, kind, count=1, start=0, timeout=300, **more):
        """Sends and waits; how many frames and in how many seconds."""
        text = self.lab.run("far", *self.words(kind, count, start, **more), timeout=timeout)
        sent, seconds = re.search(r"sent (\d+) in ([\d.]+)", text).groups()
        return int(sent), float(seconds)

    def talking(self, kind, count=1, start=0, **more):
        """Sends in the background."""
        self.runs += 1
        return self.lab.spawn("far", f"talk-{self.runs}", *self.words(kind, count, start, **more))

    def words(self, kind, count, start, **more):
        more = [word for key, value in more.items() for word in (f"--{key}", value)]
        return [PYTHON, TALKER, "far1", kind, "--start", start, "--count", count, *more]

    def ask(self, *words, timeout=20):
        argv = [agent_path(), *words, "--json", "--socket", self.socket]
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=timeout)
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def status(self):
        return self.ask("status")

    def told(self, words):
        """How many lines of the daemon's log have these words."""
        return sum(words in line for line in self.agent.output().splitlines())

    def lines(self):
        return self.agent.output().count("\n")

    def members(self, name):
        """Member -> seconds left, of an ipset."""
        return Sets(self.lab.run("router", "ipset", "list", "-o", "save")).of(name)

    def nft(self, words, check=True):
        return self.lab.run("router", "nft", *words.split(), check=check)

    def nft_count(self, name, table="inet nfa"):
        text = self.nft(f"list set {table} {name}", check=False)
        body = text.split("elements = {", 1)
        return len(body[1].split("}")[0].split(",")) if len(body) > 1 else 0

    def rss_kib(self):
        text = Path(f"/proc/{self.agent.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def fds(self):
        return len(list(Path(f"/proc/{self.agent.pid}/fd").iterdir()))

    def eventually(self, condition, seconds=10.0, every=0.1):
        """Whether it comes to hold; how long that took."""
        start = time.monotonic()
        while True:
            if condition():
                return True, time.monotonic() - start
            if time.monotonic() - start > seconds:
                return False, seconds
            time.sleep(every)
