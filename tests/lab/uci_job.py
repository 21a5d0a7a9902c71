#!/usr/bin/python3
"""From a UCI file to what happens to packets: the firewall's side of nfa, end to end.

    uci_job.py [--keep-logs DIR] [STEP...]

A UCI file becomes JSON and rules (`nfa uci`, `nfa rules`), as the init script has it; the daemon
marks connections; captures on both sides of the router tell what became of their packets. The
agent is $NFA, else target/release/nfa, else target/debug/nfa. Ends with status 0 if every line says
OK, 1 if one says FAIL, 77 if not run by root.
"""

import argparse
import re
import signal
import sys
import time
from pathlib import Path

import world
from flows import records
from lab import CLIENTS, Lab, LabError, wait_for
from main_job import Report, agent_path
from sets import class_packets
from world import HERE, PYTHON, World

FAMILIES = ("v4", "v6")
AF41, EF, DEFAULT = 34, 46, 0
TCP, UDP = 6, 17
# Somebody else's bits, as mwan3 and pbr have them; none of them may change.
FOREIGN = 0x00AA3F00

UCI = """
config globals 'globals'
	option enabled '1'
	option timeout '300'

config interface 'lan'

config rule 'films'
	list application 'youtube'
	option class 'video'
	list set 'films'

config rule 'calls'
	list protocol 'sip'
	option class 'voice'
"""
CUT = f"""
config rule 'no_facebook'
	list application 'facebook'
	option action 'reject'
	list exemption '{CLIENTS["client2"][0]}'
	list exemption '{CLIENTS["client2"][1]}'
"""
REMEMBER = """
config rule 'instagram'
	list application 'instagram'
	option action 'drop'
	option remember '1'
"""
HOURS = """
config schedule 'soon'
	option start '{start}'
	option end '{end}'

config rule 'twitter_later'
	list application 'twitter'
	list schedule 'soon'
	option action 'reject'
"""
# As firewall4 has it: what is established passes before anything else is asked.
FW4 = """
table inet fw4 {{
	{sets}
	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "br-lan" accept
	}}
}}
"""
OTHERS = """
table inet others {
	chain forward {
		type filter hook forward priority mangle; policy accept;
		ct mark set ct mark | %#x
	}
}
""" % FOREIGN


def dscps(path, since, ends):
    """The DSCPs of a capture's TCP and UDP packets between those addresses; a host's search for its
    neighbour (ICMPv6) is its own affair."""
    found = {}
    for _, header, frame in records(path):
        when = int.from_bytes(header[0:4], "little") + int.from_bytes(header[4:8], "little") / 1e6
        if when < since:
            continue
        if frame[12:14] == b"\x08\x00":
            source, target, dscp = frame[26:30], frame[30:34], frame[15] >> 2
            transport = frame[23]
        elif frame[12:14] == b"\x86\xdd":
            source, target = frame[22:38], frame[38:54]
            dscp = ((frame[14] & 15) << 4 | frame[15] >> 4) >> 2
            transport = frame[20]
        else:
            continue
        if transport not in (TCP, UDP):
            continue
        for way, address in [("to", target), ("from", source)]:
            if address in ends:
                key = (way, ends[address])
                found.setdefault(key, []).append(dscp)
    return found


def packed(address):
    import ipaddress

    return ipaddress.ip_address(address).packed


class Job:
    """The test: steps in the order of `steps`."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        self.world = World(lab)
        self.nfa = agent_path()
        self.uci, self.json = lab.scratch / "nfa.uci", lab.scratch / "config.json"
        self.table = lab.scratch / "nfa.nft"
        self.agent = self.keeper = None

    STEPS = ["classes", "marks", "set_of_firewall4", "cut", "remembered", "put_back", "shaper",
             "schedule", "by_iptables"]  # fmt: skip

    def steps(self, names):
        self.begin()
        for name in names or self.STEPS:
            getattr(self, name)()
        self.end()

    # -- what the init script does -------------------------------------------------------------

    def make(self, *extra, backend="nft"):
        self.uci.write_text(UCI + "".join(extra))
        for argv in (["uci"], ["rules", "--format", "nft"]):
            output = self.table if argv[0] == "rules" else self.json
            self.lab.run("router", self.nfa, *argv, "--device", "lan=br-lan", "--backend", backend,
                         "--output", output, self.uci)  # fmt: skip
        print(self.lab.run("router", self.nfa, "check", "--config", self.json).strip())

    def apply(self):
        self.lab.run("router", "nft", "-c", "-f", self.table)
        self.lab.run("router", "nft", "-f", self.table)

    def reload(self, *extra):
        self.make(*extra)
        self.apply()
        self.agent.signal(signal.SIGHUP)

    def nft(self, text):
        path = self.lab.scratch / "part.nft"
        path.write_text(text)
        self.lab.run("router", "nft", "-f", path)

    def fw4(self):
        """firewall4 declares what procd's service data says."""
        lines = self.lab.run("router", self.nfa, "rules", "--format", "sets", self.uci)
        sets = []
        for line in lines.splitlines():
            name, family, timeout, size, *match = line.split()
            assert match == ["dest_ip"], match
            sets.append(f"set {name} {{ type {family}_addr; size {size}; flags timeout; "
                        f"timeout {timeout}s; }}")  # fmt: skip
        self.nft(FW4.format(sets="\n\t".join(sets)))

    def begin(self):
        self.world.start()
        self.lab.bridge_up()
        addresses = [world.address("plain", family) for family in FAMILIES]
        self.world.server("sip", PYTHON, HERE / "sip_peer.py", "server", *addresses)
        self.make()
        self.nft(OTHERS)
        self.fw4()
        self.apply()
        self.agent = self.lab.spawn("router", "agent", self.nfa, "run", "--config", self.json)
        wait_for("the agent captures", lambda: "capturing" in self.agent.output()
                 or not self.agent.running())  # fmt: skip
        self.keeper = self.lab.spawn("router", "keeper", self.nfa, "rules", "--keep", self.table)

    # -- expectations --------------------------------------------------------------------------

    def flows(self):
        """A film, a call and something that is neither, over both families."""
        clients = []
        for family in FAMILIES:
            clients.append(self.world.tls("client1", "www.youtube.com", family, 600))
            clients.append(self.world.tls("client1", "www.example.org", family, 600))
            clients.append(self.world.client(
                "client1", "sip", PYTHON, HERE / "sip_peer.py", "client",
                world.address("plain", family), 600))  # fmt: skip
        return clients

    def classes(self, title="our table"):
        """Starts flows and reads the DSCP of their packets, on either side of the router."""
        clients = self.flows()
        time.sleep(3)  # to be known; then a span of time to look at
        inside = self.lab.capture(f"in-{len(self.report.lines)}", "router", "br-lan")
        outside = self.lab.capture(f"out-{len(self.report.lines)}", "internet", "net0")
        since = time.time()
        time.sleep(3)
        for process, _ in (inside, outside):
            process.stop()
        for family in FAMILIES:
            ends = {packed(world.address("youtube", family)): "youtube"}
            for way, (_, path) in [("to", outside), ("from", inside)]:
                found = dscps(path, since, ends).get((way, "youtube"), [])
                self.report.check(f"{title}: {family} film packets {way} the server are AF41",
                                  found and set(found) == {AF41}, f"{len(found)} packets")  # fmt: skip
                self.voices(title, family, way, path, since)
        for client in clients:
            client.stop()

    def voices(self, title, family, way, path, since):
        """Calls and plain pages share an address: their ports tell them apart."""
        calls, pages = [], []
        address = packed(world.address("plain", family))
        for _, header, frame in records(path):
            seconds = int.from_bytes(header[0:4], "little")
            if seconds + int.from_bytes(header[4:8], "little") / 1e6 < since:
                continue
            v4 = frame[12:14] == b"\x08\x00"
            ends = (frame[26:30], frame[30:34]) if v4 else (frame[22:38], frame[38:54])
            if ends[way == "to"] != address:
                continue
            protocol = frame[23] if v4 else frame[20]
            dscp = frame[15] >> 2 if v4 else ((frame[14] & 15) << 4 | frame[15] >> 4) >> 2
            {17: calls, 6: pages}.get(protocol, []).append(dscp)
        self.report.check(f"{title}: {family} call packets {way} the server are EF",
                          calls and set(calls) == {EF}, f"{len(calls)} packets")  # fmt: skip
        self.report.check(f"{title}: {family} other packets {way} the same address are left alone",
                          pages and set(pages) == {DEFAULT}, f"{len(pages)} packets")  # fmt: skip

    def tracked(self, family, place, port=443):
        """The marks of connections to that place."""
        text = self.lab.run("router", "conntrack", "-L", "-f", f"ip{family}", check=False)
        line = re.compile(rf"dst={re.escape(world.address(place, family))} .*dport={port} .*mark=(\d+)")
        return [int(mark) for mark in line.findall(text)]

    def marks(self):
        clients = self.flows()
        time.sleep(3)
        for family in FAMILIES:
            for place, wanted in [("youtube", 0x01000000 | AF41), ("plain", 0)]:
                found = set(self.tracked(family, place))
                self.report.check(
                    f"{family} {place}: nfa's bits, and everybody else's as they were",
                    found and all(mark == wanted | FOREIGN for mark in found),
                    " ".join(map(hex, found)))  # fmt: skip
        for client in clients:
            client.stop()

    def members(self, family):
        text = self.lab.run("router", "nft", "list", "set", "inet", "fw4", f"nfa.films.{family}",
                            check=False)  # fmt: skip
        return world.address("youtube", family) in text

    def set_of_firewall4(self):
        for family in FAMILIES:
            self.world.tls("client1", "www.youtube.com", family, 600)
        for family in FAMILIES:
            self.report.eventually(f"firewall4's set nfa.films.{family} has the film's server",
                                   lambda f=family: self.members(f), 10)  # fmt: skip

    def cut(self):
        running = {(client, family): self.world.tls(client, "www.facebook.com", family, 600)
                   for client in CLIENTS for family in FAMILIES}  # fmt: skip
        time.sleep(3)
        self.report.check("before the rule everybody is connected",
                          all(flow.running() for flow in running.values()))  # fmt: skip
        self.reload(CUT)
        for family in FAMILIES:
            flow = running["client1", family]
            self.report.eventually(f"{family}: the running connection is cut",
                                   lambda f=flow: not f.running(), 10)  # fmt: skip
            new = self.world.tls("client1", "www.facebook.com", family, 600)
            self.report.eventually(f"{family}: a new one is cut",
                                   lambda f=new: not f.running(), 10)  # fmt: skip
            # curl(1): 35, 55 and 56 are a handshake, a send and a receive that failed.
            self.report.check(f"{family}: by a reset, not by silence",
                              new.popen.poll() in (35, 55, 56), new.output().strip()[-80:])  # fmt: skip
            self.report.check(f"{family}: the exempted device goes on",
                              running["client2", family].running())  # fmt: skip
            other = self.world.tls("client1", "www.example.org", family, 600)
            time.sleep(2)
            self.report.check(f"{family}: others are let be", other.running())
            other.stop()
        counters = self.lab.run("router", "nft", "list", "counters", "table", "inet", "nfa")
        packets = re.search(r"counter reject_packets \{\s+packets (\d+)", counters)
        self.report.check("the rule's counter counted", packets and int(packets[1]) > 0)
        for flow in running.values():
            flow.stop()

    def remembered(self):
        """The first connection is cut when it is known, the next at its first packet."""
        self.reload(REMEMBER)
        for family in FAMILIES:
            first = self.world.quic("client1", "www.instagram.com", family, 30)
            name = f"nfa_instagram.{family}"
            self.report.eventually(
                f"{family}: {name} remembers the server",
                lambda n=name, f=family: world.address("instagram", f) in self.lab.run(
                    "router", "nft", "list", "set", "inet", "nfa", n), 10)  # fmt: skip
            first.stop()
            # From its first packet on: none of it reaches the other side.
            capture, path = self.lab.capture(f"instagram-{family}", "internet", "net0")
            since = time.time()
            second = self.world.quic("client1", "www.instagram.com", family, 30)
            time.sleep(3)
            capture.stop()
            second.stop()
            ends = {packed(world.address("instagram", family)): "instagram"}
            passed = dscps(path, since, ends).get(("to", "instagram"), [])
            self.report.check(f"{family}: nothing of the next connection passes", not passed,
                              f"{len(passed)} packets")  # fmt: skip
        counters = self.lab.run("router", "nft", "list", "counters", "table", "inet", "nfa")
        packets = re.search(r"counter remembered_instagram \{\s+packets (\d+)", counters)
        self.report.check("new connections were counted", packets and int(packets[1]) >= 2)

    def put_back(self):
        self.reload(CUT)
        time.sleep(2)
        self.lab.run("router", "nft", "delete", "table", "inet", "fw4")
        self.lab.run("router", "nft", "delete", "table", "inet", "nfa")
        gone = time.monotonic()
        self.fw4()  # firewall4 starts again
        there = lambda: self.lab.succeeds("router", "nft", "list", "table", "inet", "nfa") and all(  # noqa: E731
            self.members(family) for family in FAMILIES
        )
        try:
            wait_for("all is back", there, 5, every=0.05)
        except LabError:
            pass
        took = time.monotonic() - gone
        self.report.check("both tables deleted: all is back within a second", there() and took < 1.0,
                          f"after {took:.2f} s")  # fmt: skip

    def shaper(self):
        lines = self.lab.run("router", self.nfa, "rules", "--format", "tc", "--device", "wan=wan0",
                             self.uci).splitlines()  # fmt: skip
        start = next(number for number, line in enumerate(lines) if "Or HTB" in line)
        for line in lines[start + 1 :]:
            self.lab.run("router", *line.split())
        before = {name: class_packets(self.lab, "wan0", name) for name in ("1:10", "1:20")}
        self.classes("behind HTB")
        for name, what in [("1:10", "calls"), ("1:20", "films")]:
            grown = class_packets(self.lab, "wan0", name) - before[name]
            self.report.check(f"HTB's class {name} has the {what}", grown > 5, f"+{grown} packets")

    def schedule(self):
        """Begins and ends on a minute of the clock: it takes up to three."""
        now = time.time()
        start = now - now % 60 + (60 if now % 60 < 45 else 120)
        clock = [time.strftime("%H:%M", time.localtime(when)) for when in (start, start + 60)]
        self.reload(HOURS.format(start=clock[0], end=clock[1]))
        running = {family: self.world.tls("client1", "twitter.com", family, 600)
                   for family in FAMILIES}  # fmt: skip
        time.sleep(max(start - 3 - time.time(), 0))
        self.report.check("before its time the rule does nothing",
                          all(flow.running() for flow in running.values()))  # fmt: skip
        for family, flow in running.items():
            self.report.eventually(f"{family}: it begins in its minute, and cuts what runs",
                                   lambda f=flow: not f.running(), 15)  # fmt: skip
        time.sleep(max(start + 62 - time.time(), 0))
        for family in FAMILIES:
            flow = self.world.tls("client1", "twitter.com", family, 600)
            time.sleep(3)
            self.report.check(f"{family}: when it is over connections hold", flow.running())
            flow.stop()

    def by_iptables(self):
        for kind in ("legacy", "nft"):
            self.by_kind_of_iptables(kind)

    def by_kind_of_iptables(self, kind):
        """The printed rules in place of our table: the daemon is none the wiser."""
        self.reload()
        self.keeper.stop()
        self.lab.run("router", "nft", "delete", "table", "inet", "nfa", check=False)
        script = ["set -e"]
        for command, undo in [("iptables", "-D"), ("ip6tables", "-D")]:
            script.append(f'{command}() {{ {command}-{kind} "$@"; }}')
            script.append(self.lab.run("router", self.nfa, "rules", "--format", command,
                                       "--backend", "ipset", self.uci))  # fmt: skip
        self.lab.run("router", "sh", "-c", "\n".join(script))
        self.classes(f"iptables-{kind}")
        for command in ("iptables", "ip6tables"):
            tool = f"{command}-{kind}"
            self.lab.run("router", tool, "-t", "mangle", "-D", "POSTROUTING", "-j", "nfa_class")
            self.lab.run("router", tool, "-t", "mangle", "-F", "nfa_class")
            self.lab.run("router", tool, "-t", "mangle", "-X", "nfa_class")

    def end(self):
        self.agent.signal(signal.SIGTERM)
        status = self.agent.wait(5)
        self.report.check("SIGTERM ends the agent with status 0", status == 0, str(status))
        output = self.agent.output() + self.keeper.output()
        self.report.check("nothing panicked", "panicked" not in output)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--keep-logs", metavar="DIR", type=Path, help="save programs' output here")
    parser.add_argument("steps", metavar="STEP", nargs="*", help=" ".join(Job.STEPS))
    options = parser.parse_args()
    world.need_root()
    report = Report()
    with Lab(options.keep_logs) as lab:
        job = Job(lab, report)
        print("agent:", job.nfa, flush=True)
        try:
            job.steps(options.steps)
        except LabError as error:
            report.check("the laboratory works", False, str(error))
        if report.failed() and job.agent:
            print("\nlast lines of the agent:", *job.agent.output().splitlines()[-30:], sep="\n")
            print("\nlast lines of the keeper:", *job.keeper.output().splitlines()[-9:], sep="\n")
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
