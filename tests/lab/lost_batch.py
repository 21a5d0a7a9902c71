#!/usr/bin/env python3
"""Sends to the kernel fail for a while: every element must be in its set all the same, soon after.

    tests/lab/lost_batch.py [--program PROGRAM]       needs root, nft, ipset, strace

The daemon runs under strace, which makes some of its sendto(2) calls fail (before the kernel sees
them) or its recvfrom(2) calls lose the answer; a client asks DNS questions meanwhile, each of which
is a flow and an element of an nft set and of an ipset.
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
TARGET = {"managed": True, "interface": "*", "ttl": 600, "set_family": "ipv4"}
CONFIG = {
    "version": 1,
    "actions": {"dns": {"criteria": "protocol == 'dns';", "targets": ["nft", "ipset"]}},
    "targets": {
        "nft": {"target_type": "nftset", "set_name": "dns", "type": "local_port", **TARGET},
        "ipset": {"target_type": "ipset", "set_name": "dns", "type": "hash:ip,port,ip", **TARGET},
    },
}


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


def end_of_nfa(strace):
    """strace itself takes no signal while it traces."""
    children = pathlib.Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    try:
        strace.wait(20)
    except subprocess.TimeoutExpired:
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        raise


def case(program, name, fault, folder):
    config, path = pathlib.Path(folder) / "config.json", pathlib.Path(folder) / "log"
    config.write_text(json.dumps(CONFIG))
    trace = pathlib.Path(folder) / "trace"
    call = fault.split("=")[1].split(":")[0]
    with bench_pair.pair(), open(path, "w") as log:
        # Nobody listens at the port: the kernel's refusals are none of our business.
        daemon = bench_pair.agent(program, config, log, "strace", "-f", "-qq", "-o", trace,
                                  "-e", f"trace={call}", "-e", fault)
        try:
            end = time.monotonic() + 10
            while "capturing" not in path.read_text() and time.monotonic() < end:
                time.sleep(0.05)
            ask()
            # Sets are looked at every 0.9 s; an answer that does not come is waited for 1 s.
            end = time.monotonic() + 15
            while held() != (FLOWS, FLOWS) and time.monotonic() < end:
                time.sleep(0.1)
            found, took = held(), 15 - (end - time.monotonic())
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


if __name__ == "__main__":
    main()
