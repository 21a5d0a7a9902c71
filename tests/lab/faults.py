#!/usr/bin/python3
"""What fails, and what nfa does then: each fault on purpose, against the real kernel, in namespaces.

    faults.py [--long] [FAULT...]

After each fault the daemon must go on (or come back), what could be kept must be there, and what was
lost must show in a counter and in one line of the log: no more than one for each kind. --long: more
rounds. The agent is $NFA, else target/release/nfa, else target/debug/nfa. Ends with status 0 if every
line says OK, 1 if one says FAIL, 77 if not run by root.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import world
from one_link import PYTHON, Rig, action, ipset, member, nftset
from lab import LabError
from main_job import Report, agent_path
from talker import LOCAL, tuple_of

HERE = Path(__file__).resolve().parent
TORRENTS = "protocol == 'bittorrent';"
CALLS = "protocol == 'sip';"
FILMS = "app == 'youtube';"


def config(targets, **actions):
    return {"targets": targets, "actions": actions}


class Faults:
    def __init__(self, rig, report, long):
        self.rig, self.report, self.long = rig, report, long
        self.random = random.Random(int(os.environ.get("NFA_SEED", "4")))

    def check(self, what, ok, detail=""):
        return self.report.check(f"{self.rig.name}: {what}", ok, detail)

    def eventually(self, what, condition, seconds=10):
        ok, took = self.rig.eventually(condition, seconds)
        return self.check(what, ok, f"after {took:.1f} s" if ok else f"not within {seconds} s")

    def told_once(self, words):
        count = self.rig.told(words)
        self.check(f"one line of the log: {words!r}", count == 1, f"{count} lines")

    def lost(self, kind):
        return self.rig.status()["lost"][kind]

    def refused(self):
        return self.rig.status()["refused_changes"]

    def alive(self):
        self.check("the daemon goes on", self.rig.agent.running())
        self.check("nothing panicked", "panicked" not in self.rig.agent.output())

    # -- the kernel refuses ------------------------------------------------------------------

    def ipset_full(self):
        """IPSET_ERR_HASH_FULL: 300 flows into a set for 64."""
        rig = self.rig
        targets = {"small": ipset("nfa.small", max_elements=64), "large": ipset("nfa.large")}
        rig.write(config(targets, a=action(TORRENTS, "small", "large")))
        rig.start()
        rig.talk("ping", 300)
        self.eventually("the other set has all 300", lambda: len(rig.members("nfa.large.v4")) == 300)
        count = len(rig.members("nfa.small.v4"))
        self.check("the full set holds what it can", 0 < count < 300, f"{count} of 300, made for 64")
        self.check("what was refused is counted", self.refused() >= 300 - count, f"{self.refused()}")
        rig.lab.run("router", "ipset", "flush", "nfa.small.v4")
        self.eventually("there is room again: it is filled", lambda: rig.members("nfa.small.v4"), 5)
        self.told_once("the set is full")
        self.alive()

    def nft_full(self):
        """ENFILE: 300 flows into an nft set for 64, 200 changes in one transaction."""
        rig = self.rig
        targets = {"small": nftset("small", size=64), "large": nftset("large")}
        rig.write(config(targets, a=action(TORRENTS, "small", "large")))
        rig.start()
        rig.talk("ping", 300)
        self.eventually("the other set has all 300", lambda: rig.nft_count("large.v4") == 300)
        self.eventually("the full set holds 64", lambda: rig.nft_count("small.v4") == 64)
        self.check("what was refused is counted", self.refused() >= 300 - 64, f"{self.refused()}")
        self.told_once("the set is full")
        self.alive()

    def set_in_use(self):
        """A set that nobody wants any more cannot be destroyed while a rule refers to it."""
        rig = self.rig
        both = {"one": ipset("nfa.one"), "two": ipset("nfa.two")}
        rig.write(config(both, a=action(TORRENTS, "one", "two")))
        rig.start()
        rig.talk("ping", 20)
        rig.lab.run("router", "iptables", "-A", "FORWARD", "-m", "set", "--match-set", "nfa.two.v4",
                    "dst,dst,src")  # fmt: skip
        rig.write(config({"one": both["one"]}, a=action(TORRENTS, "one")))
        rig.agent.signal(signal.SIGHUP)
        self.eventually("the reload is told", lambda: rig.told("reloaded") == 1)
        self.told_once("is no longer wanted and stays")
        self.eventually("and is empty", lambda: not rig.members("nfa.two.v4"))
        self.check("the other set is untouched", len(rig.members("nfa.one.v4")) == 20)
        self.alive()

    def wrong_type(self):
        """Sets of these names with other keys are there already."""
        rig = self.rig
        rig.lab.run("router", "ipset", "create", "nfa.a.v4", "hash:net")
        rig.nft("add table inet nfa")
        rig.nft("add set inet nfa b.v4 { type ipv4_addr . inet_service ; }")
        targets = {"a": ipset("nfa.a", managed=False), "b": nftset("b", managed=False),
                   "c": ipset("nfa.c")}  # fmt: skip
        rig.write(config(targets, a=action(TORRENTS, "a", "b", "c")))
        rig.start()
        rig.talk("ping", 50)
        self.eventually("the right set is filled", lambda: len(rig.members("nfa.c.v4")) == 50)
        self.told_once("ipset nfa.a.v4 is hash:net")
        states = {row["name"]: row["state"] for row in rig.status()["sets"]}
        self.check("status says which are not filled",
                   states.get("nfa.a.v4") == "foreign" and states.get("b.v4") == "foreign",
                   str(states))  # fmt: skip
        self.alive()

    def not_permitted(self):
        """EPERM: no CAP_NET_ADMIN, so no set can be changed; traffic is named all the same."""
        rig = self.rig
        rig.write(config({"t": ipset("nfa.t"), "n": nftset("n")}, a=action(TORRENTS, "t", "n")))
        caps = "+net_raw,+setpcap"
        rig.start(wrap=["setpriv", f"--bounding-set=-all,{caps}", "--inh-caps=-all"])
        before = rig.lines()
        rig.talk("ping", 200)
        self.eventually("200 flows are named", lambda: rig.status()["flows"]["named"] >= 200)
        self.check("it is told that rights are missing", rig.told("EPERM") >= 1, str(rig.told("EPERM")))
        self.check("in few lines", rig.lines() - before <= 6, f"{rig.lines() - before} more lines")
        self.alive()

    def events_overrun(self):
        """ENOBUFS: 30,000 changes of others while the daemon sleeps, and among them our elements."""
        rig = self.rig
        rig.write(config({"n": nftset("n")}, a=action(TORRENTS, "n")))
        rig.start()
        rig.talk("ping", 100)
        self.eventually("100 elements", lambda: rig.nft_count("n.v4") == 100)
        rig.agent.signal(signal.SIGSTOP)
        path = rig.folder / "many.nft"
        elements = ", ".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(30_000))
        path.write_text("add table inet others\nadd set inet others many { type ipv4_addr ; }\n"
                        f"add element inet others many {{ {elements} }}\n")  # fmt: skip
        rig.lab.run("router", "nft", "-f", path)
        rig.nft("flush set inet nfa n.v4")
        rig.agent.signal(signal.SIGCONT)
        self.eventually("the elements are back", lambda: rig.nft_count("n.v4") == 100)
        self.eventually("it is counted", lambda: self.lost("events") >= 1)
        self.told_once("times events of the kernel were lost")
        self.alive()

    def connections_overrun(self):
        """The same of conntrack's events, which tell whose mark is to be set anew."""
        rig = self.rig
        rig.lab.run("router", "iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID",
                    "-j", "DROP")  # fmt: skip
        targets = {"m": {"target_type": "ctmark", "mark": "0x40", "mask": "0xff"}}
        rig.write(config(targets, a=action(CALLS, "m")))
        rig.start()
        for number in range(20):
            self.connection(number)
        rig.talk("invite", 20)
        marked = lambda: rig.lab.run("router", "conntrack", "-L").count("mark=64 ")  # noqa: E731
        self.eventually("20 connections are marked", lambda: marked() == 20)
        rig.agent.signal(signal.SIGSTOP)
        rig.lab.run("router", "conntrack", "-F")
        rig.lab.run("router", PYTHON, HERE / "connections.py", 40_000, timeout=120)
        for number in range(20):
            self.connection(number)
        rig.agent.signal(signal.SIGCONT)
        rig.talk("invite", 20)
        self.eventually("it is counted", lambda: self.lost("events") >= 1)
        self.eventually("all 20 are marked again", lambda: marked() == 20)
        self.told_once("times events of the kernel were lost")
        self.alive()

    def connection(self, number):
        sport, far, dport = tuple_of(number)
        self.rig.lab.run("router", "conntrack", "-I", "-p", "udp", "-s", LOCAL, "-d", far,
                         "--sport", sport, "--dport", dport, "-t", 120, check=False)  # fmt: skip

    # -- interfaces and capture --------------------------------------------------------------

    def interface_replaced(self):
        """The interface goes and one of its name comes, again and again."""
        rig = self.rig
        rig.write(config({"t": ipset("nfa.t")}, a=action(TORRENTS, "t")))
        rig.start()
        rounds, missed, slowest, fds = (50 if self.long else 10), 0, 0.0, []
        for turn in range(rounds):
            rig.unlink()
            time.sleep(self.random.random() * 0.3)
            rig.link()
            opened = lambda n=turn: rig.told("lan1: capturing") == n + 2  # noqa: E731
            ok, took = rig.eventually(opened, 5, every=0.01)
            slowest = max(slowest, took)
            rig.talk("ping", 5, start=turn * 5)
            new = {member(number) for number in range(turn * 5, turn * 5 + 5)}
            ok = ok and rig.eventually(lambda n=new: n <= set(rig.members("nfa.t.v4")), 3)[0]
            missed += not ok
            fds.append(rig.fds())
        self.check("new flows have their elements each time", not missed,
                   f"{missed} of {rounds} missed; captured {slowest * 1000:.0f} ms after it was up at the latest")  # fmt: skip
        self.check("descriptors do not add up", max(fds) - fds[0] <= 2, f"{fds[0]} to {max(fds)}")
        lines = rig.lines() / rounds
        self.check("few lines for each", lines <= 5, f"{lines:.1f}")
        self.alive()

    def capture_overload(self):
        """More frames than are read: the daemon sleeps while 60,000 come."""
        rig = self.rig
        rig.write(config({"t": ipset("nfa.t")}, a=action(TORRENTS, "t")))
        rig.start()
        rig.talk("ping", 100)
        self.eventually("100 elements", lambda: len(rig.members("nfa.t.v4")) == 100)
        rig.agent.signal(signal.SIGSTOP)
        sent, _ = rig.talk("udp", 60_000)
        rig.agent.signal(signal.SIGCONT)
        self.eventually("lost frames are counted", lambda: self.lost("frames") > 0)
        print(f"      {self.lost('frames')} of {sent} frames lost, as status says")
        self.told_once("frames dropped by the kernel")
        self.check("decided flows keep their elements", len(rig.members("nfa.t.v4")) >= 100)
        rig.talk("ping", 100, start=1000, pps=2000)
        new = [member(number) for number in range(1000, 1100)]
        self.eventually("new flows are named", lambda: set(new) <= set(rig.members("nfa.t.v4")))
        self.alive()

    # -- files -------------------------------------------------------------------------------

    def disk_full(self):
        """A log folder on a file system of 64 kB that is full."""
        rig = self.rig
        folder = rig.folder / "disk"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
        try:
            (folder / "filler").write_bytes(bytes(64 << 10))
        except OSError:
            pass
        try:
            targets = {"l": {"target_type": "log", "path": str(folder), "interval": 1}}
            targets["t"] = ipset("nfa.t")
            rig.write(config(targets, a=action(TORRENTS, "l", "t")))
            rig.start()
            rig.talk("ping", 40)
            self.eventually("it is told", lambda: rig.told("No space left") == 1)
            time.sleep(3)
            self.told_once("No space left")
            names = [path.name for path in folder.iterdir()]
            self.check("no part of a file is left", names == ["filler"], str(names))
            self.check("elements are not held up", len(rig.members("nfa.t.v4")) == 40)
            rig.talk("ping", 2000, start=100, pps=1500)
            (folder / "filler").unlink()
            subprocess.run(["mount", "-o", "remount,size=4m", folder], check=True)
            self.eventually("it is written again", lambda: rig.told("written again") == 1)
            written = [json.loads(line) for path in folder.glob("*.json")
                       for line in path.read_text().splitlines()]  # fmt: skip
            lost = [line for line in rig.agent.output().splitlines() if "records dropped" in line]
            dropped = int(lost[0].split(": ")[-1].split()[0]) if lost else 0
            self.check("each record is written or counted as dropped",
                       len(written) + dropped == 2040,
                       f"{len(written)} written, {dropped} dropped, bound 512 KiB")  # fmt: skip
            self.alive()
        finally:
            rig.agent.stop()
            subprocess.run(["umount", folder], check=False)

    def clock_jumps(self):
        """Starts in 1970, steps to today, back by an hour, and ten years ahead; by a shim before libc."""
        rig = self.rig
        shim, offset = rig.folder / "clock.so", rig.folder / "offset"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            return print(f"skipped: {rig.name}: no C compiler for the shim")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "clock_shim.c",
                        "-ldl"], check=True)  # fmt: skip
        step = lambda seconds: offset.write_bytes(int(seconds).to_bytes(8, "little", signed=True))  # noqa: E731
        step(30 - time.time())
        folder = rig.folder / "records"
        targets = {"l": {"target_type": "log", "path": str(folder), "interval": 1},
                   "t": ipset("nfa.t", ttl=20)}  # fmt: skip
        rig.write(config(targets, a=action(TORRENTS, "l", "t")))
        rig.start(env={"LD_PRELOAD": str(shim), "NFA_TEST_CLOCK": str(offset)})
        rig.talk("ping", 10)
        self.eventually("a file of 1970 is written",
                        lambda: any("-1970" in path.name for path in folder.glob("*")))  # fmt: skip
        stays = []
        for name, seconds in [("today", 0), ("an hour back", -3600), ("ten years ahead", 10 * 365.25 * 86400),
                              ("1970 again", 60 - time.time())]:  # fmt: skip
            step(seconds)
            time.sleep(1.5)
            rig.talk("ping", 10)
            rig.talk("ping", 10, start=100 + 100 * len(stays))
            time.sleep(1.5)
            year = time.gmtime(time.time() + seconds).tm_year
            self.eventually(f"{name}: records are dated {year}",
                            lambda y=year: any(f"-{y}" in path.name for path in folder.glob("*")))  # fmt: skip
            members = rig.members("nfa.t.v4")
            stays.append(all(member(number) in members for number in range(10)))
            self.check(f"{name}: no timeout over 20 s", max(members.values()) <= 20)
        self.check("no element was lost by a step", all(stays), str(stays))
        status = rig.status()
        self.check("uptime is not the clock's", status["uptime_s"] < 120, f"{status['uptime_s']} s")
        self.alive()

    def garbage(self):
        """The configuration is replaced by what is none; 14 kinds of it."""
        rig = self.rig
        good = config({"t": ipset("nfa.t")}, a=action(TORRENTS, "t"))
        rig.write(good)
        rig.start()
        rig.talk("ping", 50)
        self.eventually("50 elements", lambda: len(rig.members("nfa.t.v4")) == 50)
        text = rig.config.read_text()
        noise = bytes(self.random.randrange(256) for _ in range(5000))
        kinds = [b"", b"\0" * 4096, noise, text[: len(text) // 2].encode(), b"[" * 100_000,
                 b'{"actions": 7}', b"\xff\xfe" + text.encode("utf-16-le"), b'{"targets": {}',
                 text.replace("bittorrent", "bittorent").encode(), b"null", b"{}" * 3,
                 b'{"actions":{"a":{"criteria":"' + b"(" * 50_000 + b'"}}}',
                 text.replace("hash:ip,port,ip", "hash:net").encode()]  # fmt: skip
        for content in kinds:
            rig.config.write_bytes(content)
            rig.agent.signal(signal.SIGHUP)
            time.sleep(0.15)
        rig.config.unlink()
        rig.agent.signal(signal.SIGHUP)
        time.sleep(0.3)
        kept = rig.told("the old configuration stays in force")
        print(f"      {kept} of {len(kinds) + 1} refused as a whole; the others run with findings")
        self.check("most are refused as a whole, and told", kept >= 8, f"{kept} lines")
        rig.write(good)
        rig.agent.signal(signal.SIGHUP)
        # One of them named no interface: lan1 is opened again by the next look.
        again = lambda: rig.talk("ping", 10, start=500) and member(505) in rig.members("nfa.t.v4")  # noqa: E731
        self.eventually("then the good one works", again)
        self.alive()

    def deaf_clients(self):
        """Clients of the control socket and of a sink that never read, and that say nonsense."""
        rig = self.rig
        sink = rig.folder / "sink.sock"
        targets = {"t": ipset("nfa.t"), "s": {"target_type": "sink", "path": str(sink)}}
        rig.write(config(targets, a=action(TORRENTS, "t")))
        rig.start()
        before = rig.rss_kib()
        many = []
        for number in range(40):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(2)
            client.connect(str(rig.socket))
            try:
                client.sendall(b'{"method": "flows", "limit": 500}\n' * 50 if number % 2 else b"\xff" * 9000)
            except OSError:
                pass
            many.append(client)
        rig.talk("ping", 500, pps=500)
        self.check("packets are not held up", len(rig.members("nfa.t.v4")) >= 480,
                   f"{len(rig.members('nfa.t.v4'))} of 500 at once")  # fmt: skip
        self.eventually("the deaf are dropped and somebody is answered", rig.status, 15)
        self.eventually("they are counted", lambda: self.lost("control_clients") > 0, 15)
        self.told_once("clients of the control socket dropped")
        self.check("memory is bounded", rig.rss_kib() - before < 10_240,
                   f"{rig.rss_kib() - before} KiB more; 8 answers of 1 MiB at most")  # fmt: skip
        for client in many:
            client.close()
        self.alive()

    def hostile_names(self):
        """Names from the network with escapes and newlines: in no log, record or screen as they are."""
        rig = self.rig
        folder = rig.folder / "records"
        targets = {"t": ipset("nfa.t"), "l": {"target_type": "log", "path": str(folder), "interval": 1}}
        rig.write(config(targets, a=action("*", "t", "l")))
        rig.start()
        rig.talk("hostile", 10)
        rig.talk("tls", 1, start=900)  # a name as it should be, which must be shown
        rig.agent.signal(signal.SIGUSR1)
        self.eventually("records are written", lambda: list(folder.glob("*.json")))
        flows = rig.ask("flows", "--limit", "500")["flows"]
        hosts = {flow["host"] for flow in flows if flow.get("host")}
        self.check("an honest name is shown", "www.youtube.com" in hosts, f"{len(flows)} flows, {hosts}")
        texts = {"the log": rig.agent.output()}
        for path in folder.glob("*.json"):
            texts["the records"] = texts.get("the records", "") + path.read_text()
        one = flows[0]["id"]
        for words in (["status"], ["flows", "--limit", "500"], ["top"], ["top", "--by", "client"],
                      ["sets"], ["sets", "nfa.t.v4"], ["search", "203.0.113.77"], ["why", one],
                      ["findings"], ["doctor"], ["support"], ["metrics"],
                      ["flows", "--json", "--limit", "500"]):  # fmt: skip
            more = ["--once"] if words[0] == "top" else []
            argv = [agent_path(), *words, *more, "--socket", rig.socket]
            done = subprocess.run(list(map(str, argv)), capture_output=True, timeout=30)
            texts[" ".join(words)] = done.stdout.decode("utf-8", "replace")
        for name, text in texts.items():
            evil = {c for c in text if (c < " " and c != "\n") or "\x7f" <= c < "\xa0" or c in "\u202e\u2066"}
            forged = [line for line in text.splitlines() if line.lstrip().startswith("error: forged")]
            self.check(f"{name}: no control character, no forged line", text and not evil and not forged,
                       f"{len(text)} characters; {sorted(map(repr, evil))} {forged[:1]}")  # fmt: skip
        lines = [json.loads(line) for line in texts["the records"].splitlines()]
        self.check("records are JSON, a line each", len(lines) >= 10, f"{len(lines)}")
        self.alive()

    # -- killed ------------------------------------------------------------------------------

    def killed(self):
        """SIGKILL at random moments under load, and another run: sets without flush_on_create."""
        rig = self.rig
        ttl = 8
        targets = {"t": ipset("nfa.t", ttl=ttl), "y": ipset("nfa.y", ttl=ttl), "n": nftset("n", ttl=ttl)}
        rig.write(config(targets, a=action(TORRENTS, "t"), y=action(FILMS, "y", "n")))
        rounds = 20 if self.long else 2
        wrong, lost, worst = [], [], 0

        def empty():
            for name in ("nfa.t.v4", "nfa.y.v4"):
                rig.lab.run("router", "ipset", "flush", name, check=False)
            rig.nft("flush set inet nfa n.v4", check=False)

        # Flows 250*k: each to an address of its own, TLS picked up in its middle after the kill.
        for turn in range(rounds):
            rig.start()
            first = turn * 2500
            rig.talk("tls", 1, start=first)
            rig.talk("tls", 1, start=first + 250)  # goes silent at the kill
            load = rig.talking("ping", 300, start=first, rounds=1000, pause=0.2, pps=3000)
            time.sleep(1.0 + self.random.random())
            kept, silent = member(first, "tcp"), member(first + 250, "tcp")
            there = rig.members("nfa.y.v4")
            if kept not in there or silent not in there:
                lost.append((turn, "before the kill"))
            os.kill(rig.agent.pid, signal.SIGKILL)
            rig.agent.wait(5)
            load.stop()
            killed = time.monotonic()
            worst = max([worst, *rig.members("nfa.t.v4").values(), *there.values()])
            rig.start()
            ended = time.monotonic() + ttl + 4
            rig.eventually(lambda: rig.told("elements of an earlier run") == 3, 3)
            empty()  # somebody does, before a flow was named again
            back = lambda: silent in rig.members("nfa.y.v4") and rig.nft_count("n.v4") == 2  # noqa: E731
            if not rig.eventually(back, 3)[0]:
                lost.append((turn, "emptied by others"))
            while time.monotonic() < ended:
                rig.talk("data", 1, start=first)  # the middle of one connection, of the other nothing
                time.sleep(0.8)
            left = rig.members("nfa.y.v4")
            if kept not in left:
                lost.append((turn, "its flow goes on"))
            if silent in left:
                wrong.append((turn, silent))
            # The pings ended with the kill: what they had is gone by the kernel's clock.
            stale = [m for m in rig.members("nfa.t.v4")]
            if stale:
                wrong.append((turn, f"{len(stale)} pings after {time.monotonic() - killed:.0f} s"))
            if rig.nft_count("n.v4") != 1:
                lost.append((turn, f"nft: {rig.nft_count('n.v4')}"))
            rig.agent.stop()
            empty()
        self.check("elements whose flows go on are refreshed", not lost, f"{rounds} kills; {lost or 0} lost")
        self.check("no element outlives its timeout without its flow", not wrong, str(wrong or 0))
        self.check(f"no timeout over {ttl} s", worst <= ttl, f"largest {worst}")

    def killed_with_flush(self):
        """The same where sets are emptied at the start: what can be named again comes back."""
        rig = self.rig
        targets = {"t": ipset("nfa.t", flush_on_create=True), "y": ipset("nfa.y", flush_on_create=True)}
        rig.write(config(targets, a=action(TORRENTS, "t"), y=action(FILMS, "y")))
        rig.start()
        rig.talk("tls", 1)
        load = rig.talking("ping", 200, rounds=1000, pause=0.3)
        self.eventually("201 elements", lambda: len(rig.members("nfa.t.v4")) == 200 and len(rig.members("nfa.y.v4")) == 1)
        os.kill(rig.agent.pid, signal.SIGKILL)
        rig.agent.wait(5)
        rig.start()
        self.eventually("what speaks by its content is back",
                        lambda: len(rig.members("nfa.t.v4")) == 200)  # fmt: skip
        rig.talk("data", 1, rounds=4, pause=0.5)
        self.check("TLS in its middle is not", not rig.members("nfa.y.v4"))
        self.check("the loss is counted", self.lost("elements_flushed") >= 201, str(self.lost("elements_flushed")))
        self.told_once("taken out at the start")
        load.stop()
        self.alive()


ALL = ["ipset_full", "nft_full", "set_in_use", "wrong_type", "not_permitted", "events_overrun",
       "connections_overrun", "interface_replaced", "capture_overload", "disk_full", "clock_jumps",
       "garbage", "deaf_clients", "hostile_names", "killed", "killed_with_flush"]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[*ALL, []])
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    world.need_root()
    report = Report()
    print("agent:", agent_path(), flush=True)
    for name in options.faults or ALL:
        start = time.monotonic()
        with Rig(name) as rig:
            try:
                getattr(Faults(rig, report, options.long), name)()
            except (LabError, TypeError, OSError, subprocess.SubprocessError) as error:
                report.check(f"{name}: the laboratory works", False, repr(error))
            if any(what.startswith(f"{name}:") for what in report.failed()) and rig.agent:
                print("last lines of the agent:", *rig.agent.output().splitlines()[-15:], sep="\n")
        print(f"      {name}: {time.monotonic() - start:.1f} s", flush=True)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
