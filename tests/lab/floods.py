#!/usr/bin/python3
"""Floods against the daemon as it is by default: memory, decided flows, and new real flows meanwhile.

    floods.py [--long] [FLOOD...]

For each flood: 200 BitTorrent flows are decided and go on, one packet a second; then the flood comes,
and during it 200 more real flows begin, each saying who it is three times in a second as a client
that is not answered would. Memory is read all the time. --long: 1,000,000 frames of the two floods of
random flows, as fast as they can be sent, and more of the others. The agent is $NFA, else
target/release/nfa, else target/debug/nfa. Ends with status 0 if every line says OK, 1 if one says
FAIL, 77 if not run by root.
"""

import argparse
import subprocess
import sys
import threading
import time

import world
from one_link import Rig, action, ipset, member
from lab import LabError
from main_job import Report, agent_path

REAL = 200
FLOWS_MAX = 8192  # the default table
# What the daemon may grow by, in KiB, whatever comes: 8,192 flows of some 600 bytes, 512 that gather
# up to 17 KiB each, 4,096 answers of DNS and as many endpoints, the batch that is being sent; and the
# allocator's share. The same for every flood.
GROWTH_MAX_KIB = 16_384
# New real flows that must be named during the flood, in percent; on a machine where the sender
# takes a processor from the daemon frames are lost, and with them flows that say it only three times.
NAMED_MIN_PERCENT = 90

# Flows or frames: short, long; frames per second: short, long (0: as fast as can be).
FLOODS = {
    "syn": (60_000, 1_000_000, 20_000, 0),
    "udp": (60_000, 1_000_000, 20_000, 0),
    "dns": (60_000, 300_000, 20_000, 0),
    "alike": (60_000, 300_000, 20_000, 0),
    "giant": (2_000, 20_000, 20_000, 0),
    "drip": (500, 5_000, 20_000, 0),
}


class Memory(threading.Thread):
    """Reads the daemon's resident memory all the time."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.rig, self.most, self.over = rig, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.most = max(self.most, self.rig.rss_kib())


def flood(rig, report, kind, long):
    check = lambda what, ok, detail="": report.check(f"{kind}: {what}", ok, detail)  # noqa: E731
    short_count, long_count, short_pps, long_pps = FLOODS[kind]
    count, pps = (long_count, long_pps) if long else (short_count, short_pps)
    rig.write({"targets": {"t": ipset("nfa.t")},
               "actions": {"a": action("protocol == 'bittorrent';", "t")}})  # fmt: skip
    rig.start()
    rig.talk("ping", REAL)
    real = [member(number) for number in range(REAL)]
    ok, _ = rig.eventually(lambda: set(real) <= set(rig.members("nfa.t.v4")))
    check(f"{REAL} flows are decided before", ok)
    before = rig.rss_kib()
    cpu = float(rig.status()["cpu_s"])
    going_on = rig.talking("ping", REAL, rounds=10_000, pause=1)
    memory = Memory(rig)
    memory.start()
    flood = rig.talking(kind, count, start=100_000, pps=pps)
    time.sleep(0.5)
    first, begun = 20_000, 0
    gone = []
    while flood.running() and begun < 4000:
        rig.talk("ping", 50, start=first + begun, rounds=3, pause=0.33, pps=500)
        begun += 50
        there = set(rig.members("nfa.t.v4"))
        gone += [name for name in real if name not in there]
    flood.wait(600)
    begun = max(begun, 1)
    named = 0

    def all_named():
        nonlocal named
        there = set(rig.members("nfa.t.v4"))
        named = sum(member(number) in there for number in range(first, first + begun))
        return named == begun

    rig.eventually(all_named, 3)
    going_on.stop()
    memory.over.set()
    memory.join()
    status = rig.status()
    sent, seconds = flood.output().split("sent ")[1].split(" in ")
    rate = int(sent) / max(float(seconds), 0.01)
    took = float(status["cpu_s"]) - cpu
    flows, lost = status["flows"], status["lost"]["frames"]
    print(f"      {kind}: {int(sent):,} frames at {rate:,.0f} a second, {lost:,} lost to the kernel's ring; "
          f"{flows['begun']:,} flows begun, {flows['evicted']:,} evicted; {took:.1f} s of processor")
    check("memory stays under its bound", memory.most - before <= GROWTH_MAX_KIB,
          f"{before} KiB before, {memory.most} at most; bound {GROWTH_MAX_KIB} KiB more")  # fmt: skip
    check("the table stays under its bound", flows["live"] <= FLOWS_MAX, f"{flows['live']} flows")
    check("decided flows keep their elements", not gone, f"{len(gone)} of {REAL} gone")
    share = 100 * named / begun
    check("new real flows are named meanwhile", share >= NAMED_MIN_PERCENT,
          f"{named} of {begun} ({share:.1f} %)")  # fmt: skip
    if lost:
        check("what was lost is told", rig.told("frames dropped by the kernel") >= 1)
    if flows["evicted"]:
        told = lambda: rig.told("flows forgotten early") >= 1  # noqa: E731
        check("evicted flows are told", rig.eventually(told, 3)[0])
    check("the log is small", rig.lines() <= 12, f"{rig.lines()} lines")
    check("nothing panicked", rig.agent.running() and "panicked" not in rig.agent.output())
    return took / max(1, int(sent) - lost)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("floods", nargs="*", metavar="FLOOD", choices=[*FLOODS, []])
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    world.need_root()
    report = Report()
    print("agent:", agent_path(), flush=True)
    costs = {}
    for kind in options.floods or FLOODS:
        with Rig(kind, "nfaflood") as rig:
            try:
                costs[kind] = flood(rig, report, kind, options.long)
            except (LabError, TypeError, OSError, subprocess.SubprocessError) as error:
                report.check(f"{kind}: the laboratory works", False, repr(error))
                if rig.agent:
                    print(rig.agent.output()[-2000:])
    if "alike" in costs and "udp" in costs:
        # Keyed hashes: tuples that are alike cost what random ones do.
        report.check("flows that are alike cost no more than random ones",
                     costs["alike"] <= 2 * costs["udp"] + 2e-6,
                     f"{costs['alike'] * 1e6:.1f} and {costs['udp'] * 1e6:.1f} µs a frame")
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
