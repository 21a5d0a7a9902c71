#!/usr/bin/python3
"""The headline job, end to end: real programs, a real router namespace, the kernel's own sets.

    main_job.py [--keep-capture DIR] [--keep-logs DIR]

The agent is $NFA, else target/release/nfa, else target/debug/nfa; $NFA_RUN_ARGS is added to its
command line. What is expected comes from a capture on br-lan, read without the agent's help: every
service has its own address (world.py), so a flow's other end tells which set it belongs to.
Ends with status 0 if every line says OK, 1 if one says FAIL, 77 if not run by root.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import world
from flows import Truth
from lab import CLIENTS, LAN_V4, LAN_V6, ROUTER_WAN, Lab, LabError, wait_for
from sets import Watcher, class_packets, filter_by_mark, read_sets, rule_packets
from world import ROOT, World, endpoint, tracker_url

MARK = "0x85"
TTL = 120
LIMIT = 100_000  # bytes per second: downloads outlast the checks, then the limit is lifted
SIZE = 6_000_000
FRESH_S = 4.0  # a flow with payload this recently is alive
GRACE_S = 2.0  # what the agent gets to make up its mind
FAMILIES = ("v4", "v6")
SET_OF = {
    "youtube": "nfa.youtube",
    "facebook": "nfa.social",
    "instagram": "nfa.social",
    "tracker": "nfa.bittorrent",
    "seeder-tcp": "nfa.bittorrent",
    "seeder-utp": "nfa.bittorrent",
    "seeder-transmission": "nfa.bittorrent",
    "router-wan": "nfa.bittorrent",  # peer exchange tells a client its own public address
}
# The traffic without which the test would prove nothing: place, protocol, families.
MUST_HAPPEN = [
    ("dns", "udp", FAMILIES),
    ("plain", "tcp", FAMILIES),
    ("twitter", "tcp", FAMILIES),
    ("youtube", "tcp", FAMILIES),
    ("youtube", "udp", FAMILIES),
    ("facebook", "tcp", FAMILIES),
    ("instagram", "udp", FAMILIES),
    ("tracker", "tcp", FAMILIES),
    ("tracker", "udp", FAMILIES),
    ("seeder-transmission", "tcp", ["v4"]),
    ("seeder-tcp", "tcp", ["v6"]),
    ("seeder-utp", "udp", FAMILIES),
]


class Report:
    """One line per expectation, printed at once."""

    def __init__(self):
        self.lines = []

    def check(self, what, ok, detail=""):
        self.lines.append((what, bool(ok)))
        print(f"{'OK  ' if ok else 'FAIL'}  {what}{f': {detail}' if detail else ''}", flush=True)
        return ok

    def eventually(self, what, condition, seconds):
        """Waits for a condition; FAIL if it never holds."""
        start = time.monotonic()
        try:
            wait_for(what, condition, seconds, every=0.3)
        except LabError:
            return self.check(what, False, f"not within {seconds} s")
        return self.check(what, True, f"after {time.monotonic() - start:.1f} s")

    def failed(self):
        return [what for what, ok in self.lines if not ok]

    def done(self):
        failed = self.failed()
        print(f"\n{len(self.lines)} expectations, {len(failed)} failed")
        for what in failed:
            print(f"FAIL  {what}")
        return 1 if failed else 0


class Job:
    """The test: state shared by its steps, which run in the order of `steps`."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        self.world = World(lab)
        self.truth = Truth([LAN_V4, LAN_V6])
        self.places = {**world.places(), ROUTER_WAN[0]: "router-wan"}
        self.watcher = Watcher(lab)
        self.config = lab.scratch / "nfa.json"
        self.headline = json.loads((ROOT / "docs/examples/headline.json").read_text())
        self.exempt = {"twitter"}  # places in no set although their category says so
        self.reloaded_at = None
        self.captures = 0
        self.swarms, self.peers = [], {}
        self.agent = self.aria2 = self.ended = None

    # -- expectations ------------------------------------------------------------------------

    def set_of(self, flow):
        """The set a flow belongs to, or None."""
        place = self.places.get(flow.key.other)
        if flow.key.other_port == 53 or place in self.exempt:
            return None
        name = "nfa.social" if place == "twitter" else SET_OF.get(place)
        return f"{name}.{flow.family}" if name else None

    def expected(self):
        """(set, member) pairs that must be there now, and those that may be."""
        now = time.time()
        required, allowed = set(), set()
        for flow in self.truth.update():
            name = self.set_of(flow)
            if not name or (name.startswith("nfa.youtube") and self.reloaded_at):
                continue
            pair = (name, flow.member())
            allowed.add(pair)
            settled = flow.answered and now - flow.first_payload > GRACE_S
            if settled and not flow.closed and now - flow.last < FRESH_S:
                required.add(pair)
        return required, allowed

    def compare(self, title, seconds=20):
        """Polls until the sets are exactly as expected; prints the table of the last reading."""
        deadline = time.monotonic() + seconds
        while True:
            required, _ = self.expected()
            sets = read_sets(self.lab)
            _, allowed = self.expected()
            missing, extra = required - sets.pairs(), sets.pairs() - allowed
            if (required and not missing and not extra) or time.monotonic() > deadline:
                break
            time.sleep(0.3)
        print(f"\n{title}\n{'':6}{'set':20}{'member':46}{'place':22}timeout")
        for name, member in sorted(required | sets.pairs()):
            place = self.places.get(member.split(",")[0], "?")
            note = (
                "MISSING"
                if (name, member) in missing
                else "WRONG"
                if (name, member) in extra
                else ""
            )
            left = sets.of(name).get(member, "-")
            print(f"{'FAIL' if note else 'OK':6}{name:20}{member:46}{place:22}{left} {note}")
        self.report.check(
            f"{title}: members are exactly the expected ones",
            required and not missing and not extra,
            f"{len(required)} required, {len(missing)} missing, {len(extra)} wrong",
        )
        return required, sets

    # -- steps -------------------------------------------------------------------------------

    def steps(self):
        self.start_without_bridge()
        self.bridge_appears()
        self.rules_and_classes()
        self.traffic()
        self.members()
        self.counters()
        self.finish_v6()
        self.link_down_and_up()
        self.bridge_replaced()
        self.reload()
        self.finish_v4()
        self.release()
        self.whole_run()
        self.end()

    def start_without_bridge(self):
        """The daemon waits for an interface that is not there yet, and flushes an old set."""
        self.world.start()
        self.lab.run("router", "ipset", "create", "nfa.bittorrent.v4", "hash:ip,port,ip", "family",
                     "inet", "timeout", TTL)  # fmt: skip
        self.lab.run("router", "ipset", "add", "nfa.bittorrent.v4", "192.0.2.1,tcp:1,192.0.2.2")
        self.config.write_text(json.dumps(self.headline))
        extra = shlex.split(os.environ.get("NFA_RUN_ARGS", ""))
        self.agent = self.lab.spawn(
            "router", "nfa", agent_path(), "run", "--config", self.config,
            "--socket", self.lab.scratch / "nfa.sock", *extra
        )
        wanted = {f"nfa.{name}.{family}" for name in ("bittorrent", "youtube", "social")
                  for family in FAMILIES}  # fmt: skip
        self.report.eventually("sets are made at start, before br-lan exists",
                               lambda: wanted <= set(read_sets(self.lab).shapes), 10)  # fmt: skip
        sets = read_sets(self.lab)
        for name in sorted(wanted):
            shape = sets.shapes.get(name, "missing")
            family = "inet6" if name.endswith("v6") else "inet"
            good = (
                shape.startswith(f"hash:ip,port,ip family {family} ") and f"timeout {TTL}" in shape
            )
            self.report.check(f"{name} is hash:ip,port,ip {family} timeout {TTL}", good, shape)
        self.report.check(
            "flush_on_create removed an old member", not sets.pairs(), str(sets.pairs() or "")
        )
        time.sleep(1)  # long enough for an agent that gives up to be gone
        self.report.check("the agent waits for its interface", self.agent.running())

    def capture(self):
        """A new capture of br-lan, whose flows count from now on; tcpdump ends with the link."""
        self.captures += 1
        _, path = self.lab.capture(f"br-lan-{self.captures}")
        self.truth.add(path)

    def bridge_appears(self):
        self.lab.bridge_up()
        self.capture()
        self.watcher.start()

    def rules_and_classes(self):
        """The rule of the manual: uploads are marked before routing, downloads on their way in."""
        for table, family in [("iptables", "v4"), ("ip6tables", "v6")]:
            for chain, flags in [("PREROUTING", "dst,dst,src"), ("FORWARD", "src,src,dst")]:
                self.lab.run(
                    "router", table, "-t", "mangle", "-A", chain, "-m", "set", "--match-set",
                    f"nfa.bittorrent.{family}", flags, "-j", "MARK", "--set-mark", MARK,
                )  # fmt: skip
        for device in ("wan0", "br-lan"):
            self.htb(device)

    def htb(self, device):
        """Class 1:10 for the mark, 1:30 for the rest."""
        for command in [
            f"qdisc add dev {device} root handle 1: htb default 30",
            f"class add dev {device} parent 1: classid 1:1 htb rate 200mbit",
            f"class add dev {device} parent 1:1 classid 1:10 htb rate 20mbit ceil 100mbit",
            f"class add dev {device} parent 1:1 classid 1:30 htb rate 180mbit ceil 200mbit",
        ]:
            self.lab.run("router", "tc", *command.split())
        filter_by_mark(self.lab, device, "1:", int(MARK, 0), "1:10")

    def traffic(self):
        """Everything at once, and alive until told otherwise."""
        self.seed("tcp4", "http", "v4", "seeder-transmission")
        self.seed("utp4", "udp", "v4", "seeder-utp", "--transport", "utp", "--dht")
        self.seed("tcp6", "http", "v6", "seeder-tcp", "--transport", "tcp")
        self.seed("utp6", "udp", "v6", "seeder-utp", "--transport", "utp")
        tcp4, utp4, tcp6, utp6 = self.swarms
        local4, local6 = CLIENTS["client1"][0], f"[{CLIENTS['client2'][1]}]"
        limit = ["--limit", LIMIT, "--transport"]
        node = endpoint("seeder-utp", "v4")
        start = self.world.peer
        # aria2c tries MSE; libtorrent's seeder hangs up on that, and aria2c comes back plain.
        self.aria2 = self.world.aria2("client2", tcp6, LIMIT)
        self.peers = {
            "tcp4": start("client1", tcp4.torrent, tcp4.download, f"{local4}:7001", *limit, "tcp"),
            "utp4": start("client1", utp4.torrent, utp4.download, f"{local4}:7000", *limit, "utp",
                          "--dht", node),
            "utp6": start("client2", utp6.torrent, utp6.download, f"{local6}:7000", *limit, "utp"),
        }  # fmt: skip
        for family in FAMILIES:
            for host in ("www.youtube.com", "www.facebook.com", "twitter.com", "www.example.org"):
                self.world.tls("client1", host, family, 600)
            for host in ("www.youtube.com", "www.instagram.com"):
                self.world.quic("client2", host, family, 600)

    def seed(self, name, scheme, family, place, *options):
        swarm = self.world.swarm(name, SIZE, tracker_url(scheme, family))
        if place == "seeder-transmission":
            self.world.seed_by_transmission(swarm)
        else:
            self.world.peer(
                "internet", swarm.torrent, swarm.seed, endpoint(place, family), *options
            )
        self.world.wait_announced(swarm, place, family)
        self.swarms.append(swarm)

    def happened(self):
        """What of MUST_HAPPEN has not been on the wire yet."""
        seen = {(self.places.get(flow.key.other), flow.key.protocol, flow.family)
                for flow in self.truth.update() if flow.answered}  # fmt: skip
        wanted = {(place, protocol, family) for place, protocol, families in MUST_HAPPEN
                  for family in families}  # fmt: skip
        return wanted - seen

    def members(self):
        self.report.eventually("all traffic crosses the router", lambda: not self.happened(), 30)
        if self.happened():
            print("not seen:", *sorted(self.happened()))
        self.compare("all services at once")

    def packet_counts(self):
        counts = {"rules": {}, "classes": {}}
        for chain in ("PREROUTING", "FORWARD"):
            for table, family in [("iptables", "v4"), ("ip6tables", "v6")]:
                counts["rules"][chain, family] = rule_packets(
                    self.lab, table, chain, f"nfa.bittorrent.{family}"
                )
        for device in ("wan0", "br-lan"):
            counts["classes"][device] = class_packets(self.lab, device, "1:10")
        return counts

    def counters(self):
        before = self.packet_counts()
        time.sleep(3)  # a span of time to count in, not a wait for something
        after = self.packet_counts()
        for kind in before:
            for key, packets in before[kind].items():
                where = " ".join(key) if isinstance(key, tuple) else f"{key} class 1:10"
                grown = after[kind][key] - packets
                self.report.check(f"{where} counts marked packets", grown > 20, f"+{grown} in 3 s")
        for chain, device in [("PREROUTING", "wan0"), ("FORWARD", "br-lan")]:
            rules = sum(after["rules"][chain, family] for family in FAMILIES)
            klass = after["classes"][device]
            # Read one after the other while packets pass, hence the allowance.
            near = abs(rules - klass) <= 50 + rules // 10
            self.report.check(f"{device} class 1:10 holds what {chain} marked, nothing else", near,
                              f"{klass} and {rules} packets")  # fmt: skip

    def link_down_and_up(self):
        self.lab.bridge_down()
        time.sleep(1.5)
        self.report.check("the agent survives br-lan down", self.agent.running())
        self.lab.bridge_up()
        self.capture()
        for family in FAMILIES:
            self.world.tls("client2", "www.facebook.com", family, 600)
            self.new_member(
                f"after down and up, {family}", f"nfa.social.{family}", "facebook", "client2"
            )

    def bridge_replaced(self):
        """The device goes away and one of the same name comes: a restart of the network."""
        self.lab.bridge_delete()
        time.sleep(1.5)
        self.report.check("the agent survives the end of br-lan", self.agent.running())
        self.lab.bridge_up()
        self.capture()
        self.htb("br-lan")
        for family in FAMILIES:
            self.world.tls("client2", "www.youtube.com", family, 600)
            self.new_member(
                f"on the new br-lan, {family}", f"nfa.youtube.{family}", "youtube", "client2"
            )

    def new_member(self, title, set_name, place, client):
        family = set_name[-2:]
        local = CLIENTS[client][family == "v6"]
        member = f"{world.address(place, family)},tcp:443,{local}"
        self.report.eventually(f"{title}: {member} in {set_name}",
                               lambda: member in read_sets(self.lab).of(set_name), 20)  # fmt: skip

    def reload(self):
        """SIGHUP: Twitter is exempt no more, YouTube is no longer asked for."""
        self.compare("before the reload")
        changed = json.loads(json.dumps(self.headline))
        del changed["actions"]["social"]["exemptions"]
        del changed["actions"]["youtube"], changed["targets"]["ipset.youtube"]
        self.config.write_text(json.dumps(changed))
        self.exempt = set()
        self.reloaded_at = time.time()
        self.agent.signal(signal.SIGHUP)
        for family in FAMILIES:
            self.new_member(
                f"after the reload, {family}", f"nfa.social.{family}", "twitter", "client1"
            )
            name = f"nfa.youtube.{family}"
            self.report.eventually(f"after the reload {name} is empty or gone",
                                   lambda n=name: not read_sets(self.lab).of(n), 20)  # fmt: skip
        required, sets = self.compare("after the reload")
        low = [member for name, member in required if sets.of(name).get(member, 0) < TTL // 2 - 10]
        self.report.check("live members are refreshed at half their time", not low, " ".join(low))
        self.report.check("the agent is the same process", self.agent.running())

    def finish_v6(self):
        """These two end before the link is disturbed, the other two afterwards."""
        _, _, tcp6, utp6 = self.swarms
        self.world.aria2_lift_limit("client2")
        self.peers["utp6"].signal(signal.SIGUSR1)
        for swarm in (tcp6, utp6):
            self.report.eventually(
                f"download {swarm.name} is complete and right", swarm.complete, 60
            )
        self.aria2.stop(10)  # with RPC on it never ends by itself
        self.ended = time.monotonic()

    def finish_v4(self):
        tcp4, utp4, _, _ = self.swarms
        self.peers["tcp4"].signal(signal.SIGUSR1)
        self.peers["utp4"].signal(signal.SIGUSR1)
        for swarm in (tcp4, utp4):
            self.report.eventually(
                f"download {swarm.name} is complete and right", swarm.complete, 150
            )

    def release(self):
        """The flow that ended longest ago: its member goes, at the latest when its time is up."""
        member = f"{world.v6('seeder-tcp')},tcp:{world.PEER_PORT},{CLIENTS['client2'][1]}"
        left = max(TTL + 10 - (time.monotonic() - self.ended), 1)
        self.report.eventually(
            f"the ended download's member {member} is released",
            lambda: member not in read_sets(self.lab).of("nfa.bittorrent.v6"),
            left,
        )

    def whole_run(self):
        """What the watcher saw: nothing wrong at any time, and the short flows too."""
        self.watcher.stop()
        flows = self.truth.update()
        wrong, unseen = [], []
        allowed = {(self.set_of(flow), flow.member()): flow for flow in flows}
        for pair, when in self.watcher.first_seen.items():
            flow = allowed.get(pair)
            early = (
                flow and self.places.get(flow.key.other) == "twitter" and when < self.reloaded_at
            )
            if not flow or early:
                wrong.append(pair)
        for pair, flow in allowed.items():
            tcp_blink = flow.key.protocol == "tcp" and flow.last - flow.first_payload < 1
            youtube_late = (
                self.places.get(flow.key.other) == "youtube" and flow.first > self.reloaded_at
            )
            if pair[0] and flow.answered and not tcp_blink and not youtube_late:
                if pair not in self.watcher.first_seen:
                    unseen.append(pair)
        count = len(self.watcher.first_seen)
        self.report.check(
            "no wrong member at any time", not wrong, f"{count} seen; {wrong or 'none wrong'}"
        )
        self.report.check(
            "every flow, however short, had its member", not unseen, str(unseen or "")
        )
        self.report.check(f"no timeout over {TTL} s", self.watcher.worst_timeout <= TTL,
                          f"largest {self.watcher.worst_timeout}")  # fmt: skip
        servers = {world.v4("dns"), world.v6("dns")}
        named = [member for _, member in self.watcher.first_seen if member.split(",")[0] in servers]
        self.report.check("no member for DNS", not named, str(named or ""))

    def end(self):
        """SIGTERM: a clean exit, and flush_on_destroy."""
        full = bool(read_sets(self.lab).pairs())
        self.agent.signal(signal.SIGTERM)
        try:
            status = self.agent.wait(5)
        except LabError as error:
            status = str(error)
        self.report.check("SIGTERM ends the agent with status 0", status == 0, str(status))
        left = read_sets(self.lab).pairs()
        self.report.check("flush_on_destroy: sets had members and are empty now", full and not left,
                          str(left or ""))  # fmt: skip
        output = self.agent.output()
        self.report.check("nothing panicked", "panicked" not in output)


def agent_path():
    """$NFA, or what cargo built last for release, or for debug."""
    choices = [ROOT / "target" / kind / "nfa" for kind in ("release", "debug")]
    if os.environ.get("NFA"):
        choices = [Path(os.environ["NFA"])]
    for path in choices:
        if os.access(path, os.X_OK):
            return path.resolve()
    raise LabError(f"no agent: {' or '.join(map(str, choices))}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--keep-capture", metavar="DIR", type=Path, help="save br-lan's captures here"
    )
    parser.add_argument(
        "--keep-logs", metavar="DIR", type=Path, help="save every program's output here"
    )
    options = parser.parse_args()
    world.need_root()
    print("agent:", agent_path(), flush=True)
    report = Report()
    with Lab(options.keep_logs) as lab:
        job = Job(lab, report)
        try:
            job.steps()
        except LabError as error:
            report.check("the laboratory works", False, str(error))
        finally:
            if job.watcher.is_alive():
                job.watcher.stop()
            if options.keep_capture:
                options.keep_capture.mkdir(parents=True, exist_ok=True)
                for path in lab.scratch.glob("br-lan-*.pcap"):
                    shutil.copy(path, options.keep_capture)
        if report.failed() and job.agent:
            print("\nlast lines of the agent:", *job.agent.output().splitlines()[-30:], sep="\n")
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
