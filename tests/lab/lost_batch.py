#!/usr/bin/env python3
"""Sends to the kernel fail for a while: every element must be in its set all the same, soon after, and
out of it where it was to go.

    tests/lab/lost_batch.py [--program PROGRAM]       needs root, nft, ipset, strace

The daemon runs under strace, which makes some of its sendto(2) calls fail (before the kernel sees
them) or its recvfrom(2) calls lose the answer; a client asks DNS questions meanwhile, each of which
is a flow and an element of an nft set and of an ipset. Then the configuration wants none of them.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import pair as bench_pair  # noqa: E402
from latency import QUESTION  # noqa: E402

FLOWS, FIRST_PORT = 300, 10_000
CASES = (
    ("sends for want of room", "inject=sendto:error=ENOBUFS:when=40..70"),
    ("sends for want of memory", "inject=sendto:error=ENOMEM:when=40..70"),
    ("answers for want of room", "inject=recvfrom:error=ENOBUFS:when=60..90"),
    ("answers that do not come", "inject=recvfrom:error=EAGAIN:when=60..63"),
)
# While strace is there no send reaches the kernel.
REMOVALS = "inject=sendto:error=ENOMEM"
TARGET = {"managed": True, "interface": "*", "ttl": 600, "set_family": "ipv4"}


def config(criteria):
    return json.dumps({
        "version": 1,
        "actions": {"dns": {"criteria": criteria, "targets": ["nft", "ipset"]}},
        "targets": {
            "nft": {"target_type": "nftset", "set_name": "dns", "type": "local_port", **TARGET},
            "ipset": {"target_type": "ipset", "set_name": "dns", "type": "hash:ip,port,ip", **TARGET},
        },
    })


def inside(name, *words):
    return subprocess.run(bench_pair.inside(name, *words), check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def held():
    """How many of the flows' ports are in each set."""
    ports = set(range(FIRST_PORT, FIRST_PORT + FLOWS))
    nft = inside(bench_pair.ROUTER, "nft", "-j", "list", "ruleset")
    sets = [item["set"] for item in json.loads(nft)["nftables"] if "set" in item]
    elements = {element["elem"]["val"] if isinstance(element, dict) else element
                for one in sets for element in one.get("elem", [])}
    ipset = inside(bench_pair.ROUTER, "ipset", "list", "-o", "save").splitlines()
    members = sum(line.startswith("add ") for line in ipset)
    return len(ports & elements), members


def ask():
    program = (f"import socket,time\nfor n in range({FLOWS}):\n"
               f" s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
               f" s.bind(('{bench_pair.ADDRESS[bench_pair.CLIENT]}',{FIRST_PORT}+n))\n"
               f" s.sendto({QUESTION!r},(f'10.100.{{n>>8}}.{{n&255}}',53))\n"
               f" s.close(); time.sleep(0.005)\n")
    # Every flow has a far end of its own, behind the router, which forwards nothing.
    inside(bench_pair.CLIENT, "ip", "route", "add", "10.100.0.0/16",
           "via", bench_pair.ADDRESS[bench_pair.ROUTER])
    inside(bench_pair.CLIENT, sys.executable, "-c", program)


def children_of(process):
    return pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def end_of_nfa(strace):
    """strace itself takes no signal while it traces."""
    children = children_of(strace)
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    try:
        strace.wait(20)
    except subprocess.TimeoutExpired:
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        raise


def wait_for(wanted, seconds=15):
    """What the sets hold in the end, and after how many seconds."""
    start = time.monotonic()
    while held() != wanted and time.monotonic() < start + seconds:
        time.sleep(0.1)
    return held(), time.monotonic() - start


def wait_for_words(path, words):
    end = time.monotonic() + 10
    while words not in path.read_text() and time.monotonic() < end:
        time.sleep(0.05)


def case(program, name, fault, folder):
    path, trace = pathlib.Path(folder) / "log", pathlib.Path(folder) / "trace"
    wanted = pathlib.Path(folder) / "config.json"
    wanted.write_text(config("protocol == 'dns';"))
    call = fault.split("=")[1].split(":")[0]
    with bench_pair.pair(), open(path, "w") as log:
        # Nobody listens at the port: the kernel's refusals are none of our business.
        daemon = bench_pair.agent(program, wanted, log, "strace", "-f", "-qq", "-o", trace,
                                  "-e", f"trace={call}", "-e", fault)
        try:
            wait_for_words(path, "capturing")
            ask()
            # Sets are looked at every 0.9 s; an answer that does not come is waited for 1 s.
            found, took = wait_for((FLOWS, FLOWS))
        finally:
            end_of_nfa(daemon)
    injected = trace.read_text().count("INJECTED")
    if not injected:
        sys.exit(f"FAILED: {name}: strace made nothing fail\n{path.read_text()}")
    if found != (FLOWS, FLOWS):
        sys.exit(f"FAILED: {name}: {injected} calls failed, of {FLOWS} elements the nft set has "
                 f"{found[0]}, the ipset {found[1]}\n{path.read_text()}")
    print(f"ok: {name}: {injected} calls failed, all {FLOWS} elements are in both sets "
          f"{took:.1f} s after the last flow", flush=True)


def removals(program, folder):
    """Elements that no criteria want after a reload, of which the sends fail."""
    path, trace = pathlib.Path(folder) / "log", pathlib.Path(folder) / "trace"
    wanted = pathlib.Path(folder) / "config.json"
    wanted.write_text(config("protocol == 'dns';"))
    with bench_pair.pair(), open(path, "w") as log:
        daemon = bench_pair.agent(program, wanted, log)
        try:
            wait_for_words(path, "capturing")
            ask()
            before, _ = wait_for((FLOWS, FLOWS))
            strace = subprocess.Popen(["strace", "-f", "-qq", "-p", str(daemon.pid), "-o", trace,
                                       "-e", "trace=sendto", "-e", REMOVALS])
            time.sleep(0.5)  # it has attached
            wanted.write_text(config("protocol == 'bittorrent';"))
            daemon.send_signal(signal.SIGHUP)
            wait_for_words(path, "reloaded")
            time.sleep(2)  # tried again meanwhile
            strace.terminate()
            strace.wait(20)
            found, took = wait_for((0, 0))
        finally:
            daemon.terminate()
            daemon.wait(20)
    injected = trace.read_text().count("INJECTED")
    if not injected or before != (FLOWS, FLOWS):
        sys.exit(f"FAILED: removals: {injected} calls failed, {before} elements before\n{path.read_text()}")
    if found != (0, 0):
        sys.exit(f"FAILED: removals: {injected} calls failed, of {FLOWS} elements that were to go the nft set "
                 f"has {found[0]}, the ipset {found[1]}\n{path.read_text()}")
    print(f"ok: removals: {injected} calls failed, all {FLOWS} elements are out of both sets after {took:.1f} s",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/nfa"))
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    missing = [name for name in ("nft", "ipset", "strace") if not shutil.which(name)]
    if missing:
        print(f"skipped: needs {' '.join(missing)}")
        return
    for name, fault in CASES:
        with tempfile.TemporaryDirectory() as folder:
            case(arguments.program, name, fault, folder)
    with tempfile.TemporaryDirectory() as folder:
        removals(arguments.program, folder)


if __name__ == "__main__":
    main()
