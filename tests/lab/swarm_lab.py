#!/usr/bin/python3
"""BitTorrent to the last flow: real clients in a swarm of the lab's own, in every mode.

    swarm_lab.py [--all | MODE...] [--measure] [--keep DIR | --again DIR]

Without arguments the short form, for every change; `--all` is what docs/bittorrent.md records.
The agent is $NFA, else target/release/nfa, else target/debug/nfa. Ends with status 0 if every bar
is reached, 1 if not (0 with --measure), 77 if not run by root.
"""

import argparse
import re
import sys
import time
from pathlib import Path

import swarm_measure as measure
import world
from lab import LabError, wait_for
from main_job import agent_path
from sets import Watcher, read_sets
from swarm_measure import Score, reaches, share
from swarm_modes import ALONE, CONTENT, LONE, MODES, SHORT, SWARM
from swarm_world import SwarmLab, SwarmWorld, bittorrent_addresses
from world import ROOT

# "BitTorrent to the last flow", point 1: the least share of flows that is recalled.
BARS = {CONTENT: 1.0, SWARM: 0.99, ALONE: 0.90, LONE: 0.0}
# The least share of flows whose effect is there by their second payload packet; no bar for ALONE.
BAR_SECOND = {CONTENT: 0.95, SWARM: 0.95}
# Point 3, where a mode asks for it: of the peers' bytes, those that an iptables rule marked.
BAR_MARKED = 0.98
MARK = "0x85"
HEADLINE = ROOT / "docs/examples/headline.json"
FAMILIES = [("iptables", "v4"), ("ip6tables", "v6")]
HEADER = (f"{'mode':20}{'kind':9}{'flows':>10}{'share':>8}{'bytes kB':>14}{'share':>8}"
          f"{'covered':>9}{'delay s':>14}{'packet':>9}{'by 2nd':>8}{'live':>9}"
          f"{'marked':>8}")  # fmt: skip


class Counters:
    """The router's mark rules as of the manual, and how many of each peer's bytes they marked."""

    def __init__(self, lab):
        self.lab = lab

    def install(self):
        for table, family in FAMILIES:
            add = [table, "-t", "mangle", "-A", "FORWARD"]
            for flags in ("dst,dst,src", "src,src,dst"):
                self.lab.run("router", *add, "-m", "set", "--match-set", f"nfa.bittorrent.{family}",
                             flags, "-j", "MARK", "--set-mark", MARK)  # fmt: skip
            for address, place in bittorrent_addresses().items():
                if (":" in address) != (family == "v6") or not place.startswith("peer"):
                    continue
                for side in ("-s", "-d"):
                    self.lab.run("router", *add, side, address)
                    self.lab.run("router", *add, side, address, "-m", "mark", "--mark", MARK)

    def read(self):
        """Peer address -> [all bytes, marked bytes]."""
        found = {}
        for table, _ in FAMILIES:
            text = self.lab.run("router", f"{table}-save", "-c", "-t", "mangle")
            for size, address, tail in re.findall(
                r"^\[\d+:(\d+)\] -A FORWARD -[sd] ([0-9a-f.:]+)/\d+(.*)$", text, re.MULTILINE
            ):
                found.setdefault(address, [0, 0])["mark" in tail] += int(size)
        return {address: counts for address, counts in found.items() if counts[0]}


class Run:
    """One mode in a fresh laboratory."""

    def __init__(self, mode, keep):
        self.mode, self.keep = mode, keep
        self.problems, self.score, self.live, self.marked = [], None, (0, 0), (0, 0)
        self.missed, self.aside, self.wrong, self.clients = [], [], [], set()

    def go(self):
        started = time.monotonic()
        with SwarmLab(self.keep and self.keep / self.mode.name) as lab:
            try:
                self._traffic(lab)
            except LabError as error:
                self.problems.append(f"the laboratory: {error}")
                for process in lab.processes:
                    tail = process.output().splitlines()[-3:]
                    print(f"    {process.name}: running {process.running()}: {tail}")
        self.seconds = time.monotonic() - started
        return self

    def _traffic(self, lab):
        lab.build_swarm()
        agent = lab.spawn("router", "nfa", agent_path(), "run", "--config", HEADLINE)
        wait_for("the agent's sets", lambda: "nfa.bittorrent.v6" in read_sets(lab).shapes)
        tcpdump, capture = lab.capture("br-lan")
        counters, watcher = Counters(lab), Watcher(lab)
        counters.install()
        watcher.start()
        swarm = SwarmWorld(lab)
        try:
            self.mode.act(swarm)
        finally:
            watcher.stop()
            counts = counters.read()
            if not agent.running() or "panicked" in agent.output():
                self.problems.append(f"the agent ended: {agent.output()[-2000:]}")
            tcpdump.stop()
        self.clients = {kind for kind, _, _ in swarm.seeders}
        self.clients |= {made.kind for made in swarm.downloaders}
        belongs, peers = self._judge(capture)
        members = {member for _, member in watcher.first_seen}
        lasting = [f for f in belongs if f.packets[-1].time - f.payloads[0].time > 2]
        self.live = (sum(flow.member() in members for flow in lasting), len(lasting))
        self.marked = (sum(c[1] for c in counts.values()), sum(c[0] for c in counts.values()))
        if self.mode.set_test:
            absent = peers - {member.split(",")[0] for member in members}
            if absent:
                self.problems.append(f"peers that were never in the set: {absent}")

    def again(self, capture):
        """Judges a capture that was kept: another agent, the same traffic; nothing is live."""
        started = time.monotonic()
        try:
            self._judge(capture)
        except (LabError, OSError) as error:
            self.problems.append(str(error))
        self.seconds = time.monotonic() - started
        return self

    def _judge(self, capture):
        """Sets score and problems; returns the flows that are BitTorrent and their peers."""
        known = bittorrent_addresses()
        flows = measure.read(capture)
        verdicts = measure.replay(agent_path(), HEADLINE, capture)
        belongs = [flow for flow in flows if flow.key.other in known]
        if self.mode.kind in (ALONE, LONE):
            # A few random bytes that nobody answered carry nothing of a torrent, and have no shape.
            belongs = [flow for flow in belongs if not flow.one_sided]
        self.score = Score(measure.judge_all(belongs, verdicts))
        self.missed = [result for result in self.score.results if not result.recalled]
        others = [flow for flow in flows if flow.key.other not in known]
        https = {"198.51.100.62", "2001:db8:51::62"}
        self.aside = [(flow, verdicts.told(flow.key)) for flow in others if flow.key.other in https]
        self.wrong = [flow for flow in others
                      if flow.key.other not in https and verdicts.named(flow.key)]  # fmt: skip
        if self.wrong:
            self.problems.append(f"called BitTorrent and is not: {[f.key for f in self.wrong]}")
        peers = {flow.key.other for flow in belongs if known[flow.key.other].startswith("peer")}
        if len(peers) < self.mode.peers:
            self.problems.append(f"payload with {len(peers)} peers, {self.mode.peers} wanted")
        self._visible(capture)
        return belongs, peers

    def _visible(self, capture):
        """The mode is what it says: what must be encrypted shows no handshake, and else one."""
        shows = b"BitTorrent protocol" in capture.read_bytes()
        if self.mode.handshake is not None and shows != self.mode.handshake:
            self.problems.append(f"a plain handshake was {'' if shows else 'not '}seen")

    def bars(self):
        """What was not reached, in words."""
        score, kind, short = self.score, self.mode.kind, []
        if not score or not score.flows:
            return ["no flows"]
        if not reaches(score.recalled, score.flows, BARS[kind]):
            short.append(f"recall {share(score.recalled, score.flows)} < {BARS[kind]:.0%}")
        bar = BAR_SECOND.get(kind)
        if bar and not reaches(score.by_second, score.flows, bar):
            short.append(f"by second packet {share(score.by_second, score.flows)} < {bar:.0%}")
        if self.mode.set_test and self.clients and not reaches(*self.marked, BAR_MARKED):
            short.append(f"marked {share(*self.marked)} < {BAR_MARKED:.0%}")
        return short

    def row(self):
        score = self.score
        if not score:
            return f"{self.mode.name:20}{self.mode.kind:9} no measurement"
        pairs = [(measure.middle(v), max(v, default=None)) for v in (score.delays(),
                                                                      score.effects())]  # fmt: skip
        delay, packet = (
            "-" if middle is None else f"{middle:{form}} {worst:{form}}"
            for (middle, worst), form in zip(pairs, (".3f", "g"))
        )
        return (f"{self.mode.name:20}{self.mode.kind:9}{f'{score.recalled}/{score.flows}':>10}"
                f"{share(score.recalled, score.flows):>8}"
                f"{f'{score.size_recalled // 1000}/{score.size // 1000}':>14}"
                f"{share(score.size_recalled, score.size):>8}{share(score.covered, score.size):>9}"
                f"{delay:>14}{packet:>9}{share(score.by_second, score.flows):>8}"
                f"{f'{self.live[0]}/{self.live[1]}':>9}{share(*self.marked):>8}")  # fmt: skip

    def tell(self):
        print(f"{'':4}{self.seconds:.0f} s, clients: {', '.join(sorted(self.clients))}")
        for result in self.missed[:12]:
            key, payloads = result.flow.key, result.flow.payloads
            sizes = " ".join(str(seen.payload) for seen in payloads[:6])
            print(f"{'':4}missed: {key.protocol} {key.local}:{key.local_port} "
                  f"{bittorrent_addresses()[key.other]} {key.other}:{key.other_port}, "
                  f"{len(payloads)} payloads ({sizes}), told {result.told}, "
                  f"element {'seen' if result.effect is not None else 'never'}")  # fmt: skip
        late = [r for r in self.score.results if r.recalled and r.effect > 2] if self.score else []
        for result in late[:6]:
            key = result.flow.key
            print(f"{'':4}late: {key.protocol} {key.local}:{key.local_port} {key.other}:"
                  f"{key.other_port} at payload {result.effect}, {result.told}")  # fmt: skip
        for flow, told in self.aside:
            print(f"{'':4}not counted, HTTPS tracker: {flow.key.local_port} told {told}")
        for text in [*self.problems, *self.bars()]:
            print(f"{'':4}FAIL {text}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("modes", nargs="*", metavar="MODE", help=", ".join(MODES))
    parser.add_argument("--all", action="store_true", help="every mode")
    parser.add_argument("--measure", action="store_true", help="report only: no bar fails")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="captures and logs go here")
    parser.add_argument("--again", type=Path, metavar="DIR", help="judge the captures kept there")
    options = parser.parse_args()
    if not options.again:
        world.need_root()
    names = list(MODES) if options.all else options.modes or SHORT
    unknown = set(names) - set(MODES)
    if unknown:
        parser.error(f"no mode {', '.join(unknown)}")
    print("agent:", agent_path(), flush=True)
    runs = []
    for name in names:
        print(f"{name}: {MODES[name].about}", flush=True)
        run = Run(MODES[name], options.keep)
        run = run.again(options.again / name / "br-lan.pcap") if options.again else run.go()
        runs.append(run)
        run.tell()
    print(f"\n{HEADER}")
    for run in runs:
        failed = run.problems or run.bars()
        print(run.row(), "FAIL" if failed else "OK", flush=True)
    bad = [run.mode.name for run in runs if run.problems or run.bars()]
    print(f"\n{len(runs)} modes, {len(bad)} below a bar{': ' if bad else ''}{', '.join(bad)}")
    return 1 if bad and not options.measure else 0


if __name__ == "__main__":
    sys.exit(main())
