#!/usr/bin/python3
"""What must never be called BitTorrent, by real programs: tunnels, calls, proxies, copies, noise.

    negatives.py [--context none|host|both] [--scale N] [--measure] [--keep DIR | --again DIR]

Without host context no flow may be called BitTorrent; with it (the same host downloads a torrent)
one in a thousand. Dialogues of random bytes that have MSE's lengths exactly are counted apart.
Ends with status 0, 1 if a bar is missed (0 with --measure), 77 if not run by root.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import swarm_measure as measure
import world
from lab import INTERNET, ROUTER_WAN, LabError, wait_for
from main_job import agent_path
from negative_programs import KINDS, Programs, kind_of
from sets import Watcher, read_sets
from swarm_world import (
    PEER_PORT,
    SwarmLab,
    SwarmWorld,
    Wish,
    address_of,
    bittorrent_addresses,
    endpoint,
)
from world import ROOT

# Issue "BitTorrent to the last flow", point 2: of this many flows at most one is named BitTorrent.
BAR_WITH_CONTEXT = 1000
BAR_IMITATIONS = 100  # of hosts with one or two such flows, without context
IMITATIONS = {"mse-few", "mse-many"}
HEADLINE = ROOT / "docs/examples/headline.json"
CONTEXT_BYTES = 40_000_000
CONTEXT_RATE = 100_000


class Pass:
    """All the negatives once, with or without host context."""

    def __init__(self, context, scale, keep):
        self.context, self.scale, self.keep = context, scale, keep
        self.problems, self.tried, self.taken = [], Counter(), Counter()
        self.examples, self.notes, self.live = [], [], []

    def go(self):
        started = time.monotonic()
        with SwarmLab(self.keep and self.keep / f"negatives-{self.context}") as lab:
            try:
                self._traffic(lab)
            except LabError as error:
                self.problems.append(f"the laboratory: {error}")
        self.seconds = time.monotonic() - started
        return self

    def _traffic(self, lab):
        lab.build_swarm()
        agent = lab.spawn("router", "nfa", agent_path(), "run", "--config", HEADLINE)
        wait_for("the agent's sets", lambda: "nfa.bittorrent.v6" in read_sets(lab).shapes)
        tcpdump, capture = lab.capture("br-lan")
        watcher = Watcher(lab)
        watcher.start()
        try:
            if self.context == "host":
                self._torrent(lab)
            programs = Programs(lab, self.context == "host", self.scale)
            programs.go()
            self.notes += programs.notes
        finally:
            watcher.stop()
            if not agent.running() or "panicked" in agent.output():
                self.problems.append(f"the agent ended: {agent.output()[-2000:]}")
            tcpdump.stop()
        known = bittorrent_addresses()
        self.live = sorted({member for _, member in watcher.first_seen
                            if member.split(",")[0] not in known})  # fmt: skip
        self._judge(capture)

    def again(self, folder):
        """Judges a capture that was kept: another agent, the same traffic."""
        started = time.monotonic()
        try:
            self._judge(folder / f"negatives-{self.context}" / "br-lan.pcap")
        except (LabError, OSError) as error:
            self.problems.append(str(error))
        self.seconds = time.monotonic() - started
        return self

    def _torrent(self, lab):
        """client1 downloads for as long as the negatives take: in the clear, and encrypted too.

        With a tracker, the DHT and peers given by hand there is every reason to suspect the host.
        """
        swarm = SwarmWorld(lab)
        plain = swarm.torrent("plain", CONTEXT_BYTES, "http:v4")
        forced = swarm.torrent("encrypted", CONTEXT_BYTES)
        swarm.start_trackers()
        node = endpoint(address_of("peer1"), PEER_PORT)
        for number in (1, 2, 3):
            wish = Wish(dht="" if number == 1 else node)
            swarm.seed("libtorrent", f"peer{number}", wish, [plain])
        for number in (4, 5, 6):
            swarm.seed("libtorrent", f"peer{number}", Wish(crypt="forced"), [forced])
        swarm.torrents = [plain]
        swarm.wait_seeders(3)
        hands = [endpoint(address_of(f"peer{number}"), PEER_PORT) for number in (4, 5, 6)]
        wishes = [
            (Wish(limit=CONTEXT_RATE, dht=node), plain),
            (Wish(limit=CONTEXT_RATE, crypt="forced", connect=hands, port=PEER_PORT + 1), forced),
        ]
        for wish, made in wishes:
            process = swarm.download("libtorrent", "client1", wish, [made]).process
            wait_for("the torrent runs", lambda p=process: ", 3 peers" in p.output(), 30)
        # Proven activity: its plain peers are in the set.
        wait_for("its peers are in the set", lambda: self.proven(lab))

    def proven(self, lab):
        members = read_sets(lab).of("nfa.bittorrent.v4")
        hosts = {member.split(",")[0] for member in members if ",tcp:" in member}
        return hosts >= {address_of(f"peer{number}") for number in (1, 2, 3)}

    def _judge(self, capture):
        known = set(bittorrent_addresses()) - {ROUTER_WAN[0], INTERNET[0]}
        flows = measure.read(capture)
        verdicts = measure.replay(agent_path(), HEADLINE, capture)
        for flow in flows:
            kind = kind_of(flow.key)
            if not kind or (flow.key.other in known and kind != "tls-at-peer"):
                continue
            self.tried[kind] += 1
            if verdicts.named(flow.key) or verdicts.spans[flow.member()]:
                self.taken[kind] += 1
                self.examples.append((kind, flow, verdicts.told(flow.key)))
        for kind in KINDS:
            skipped = any(note.startswith(kind) for note in self.notes)
            if not self.tried[kind] and not skipped and not self._absent(kind):
                self.problems.append(f"{kind}: no flow was made")

    def _absent(self, kind):
        return kind == {"host": "mse-few", "none": "tls-at-peer"}[self.context]

    def bars(self):
        """What was not reached, in words."""
        tried = sum(count for kind, count in self.tried.items() if kind not in IMITATIONS)
        taken = sum(count for kind, count in self.taken.items() if kind not in IMITATIONS)
        short = []
        if self.context == "none" and taken:
            short.append(f"{taken} of {tried} flows called BitTorrent without host context")
        if self.context == "host" and taken * BAR_WITH_CONTEXT > tried:
            short.append(f"{taken} of {tried} flows called BitTorrent with host context")
        if self.taken["mse-few"] * BAR_IMITATIONS > self.tried["mse-few"]:
            short.append(
                f"{self.taken['mse-few']} of {self.tried['mse-few']} lone imitations taken"
            )
        return short

    def tell(self):
        title = "the host runs a torrent" if self.context == "host" else "no BitTorrent anywhere"
        print(f"\n{title} ({self.seconds:.0f} s)\n{'kind':16}{'flows':>8}{'taken':>8}")
        for kind in KINDS:
            apart = "  apart" if kind in IMITATIONS else ""
            print(f"{kind:16}{self.tried[kind]:>8}{self.taken[kind]:>8}{apart}")
        rest = [kind for kind in KINDS if kind not in IMITATIONS]
        print(f"{'all but apart':16}{sum(self.tried[k] for k in rest):>8}"
              f"{sum(self.taken[k] for k in rest):>8}")  # fmt: skip
        if self.live:
            print(f"live elements that are not BitTorrent: {len(self.live)}: {self.live[:5]}")
        for kind, flow, told in [e for e in self.examples if e[0] not in IMITATIONS][:10]:
            sizes = " ".join(str(seen.payload) for seen in flow.payloads[:8])
            print(f"    taken: {kind} {flow.key}, payloads {sizes}, told {told}")
        for note in self.notes:
            print(f"    note: {note}")
        for text in [*self.problems, *self.bars()]:
            print(f"    FAIL {text}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--context", choices=["none", "host", "both"], default="both")
    parser.add_argument("--scale", type=int, default=1, help="times as many made-up dialogues")
    parser.add_argument("--measure", action="store_true", help="report only: no bar fails")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="captures and logs go here")
    parser.add_argument("--again", type=Path, metavar="DIR", help="judge the captures kept there")
    options = parser.parse_args()
    if not options.again:
        world.need_root()
    print("agent:", agent_path(), flush=True)
    contexts = ["none", "host"] if options.context == "both" else [options.context]
    bad = False
    for context in contexts:
        done = Pass(context, options.scale, options.keep)
        done = done.again(options.again) if options.again else done.go()
        done.tell()
        bad = bad or bool(done.problems or done.bars())
    return 1 if bad and not options.measure else 0


if __name__ == "__main__":
    sys.exit(main())
