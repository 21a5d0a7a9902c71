#!/usr/bin/env python3
"""A router whose nfa reads an NFLOG group that it feeds itself, and forwards between two networks.

    tests/lab/feed_lab.py [--program PROGRAM]       needs root, nft, iproute2

Three namespaces: client, router, server. What is checked: a flow of many datagrams costs nfa the
first few and is named by them; a flow that begins right after `nft flush ruleset` is named too; the
rules are gone when nfa has ended.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENT, ROUTER, SERVER = (f"nfafeed{os.getpid()}-{name}" for name in ("client", "router", "server"))
SERVER_ADDRESS, FEED, DATAGRAMS = "203.0.113.9", 8, 500
QUESTION = r"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1"
CONFIG = {
    "version": 1,
    "interfaces": {"nflog:5": {"role": "lan", "feed": FEED}},
    "actions": {"dns": {"criteria": "protocol == 'dns';", "targets": ["dns"]}},
    "targets": {"dns": {"target_type": "nftset", "set_name": "dns", "set_family": "ipv4",
                        "table_name": "mine", "managed": True, "type": "local_port", "ttl": 600}},
}


def run(*words):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout


def inside(name, *words):
    return ["ip", "netns", "exec", name, *words]


@contextlib.contextmanager
def router_between_two():
    try:
        for name in (CLIENT, ROUTER, SERVER):
            run("ip", "netns", "add", name)
        for end, device, address, near in ((CLIENT, "lan", "192.168.7.10", "192.168.7.1"),
                                           (SERVER, "wan", SERVER_ADDRESS, "203.0.113.1")):
            run("ip", "link", "add", device, "netns", ROUTER, "type", "veth",
                "peer", "name", "eth", "netns", end)
            run("ip", "-n", ROUTER, "address", "add", f"{near}/24", "dev", device)
            run("ip", "-n", end, "address", "add", f"{address}/24", "dev", "eth")
            run("ip", "-n", ROUTER, "link", "set", device, "up")
            run("ip", "-n", end, "link", "set", "eth", "up")
            run("ip", "-n", end, "route", "add", "default", "via", near)
        run(*inside(ROUTER, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"))
        yield
    finally:
        for name in (CLIENT, ROUTER, SERVER):
            subprocess.run(["ip", "netns", "del", name], check=False)


def ask(port, times):
    """So many questions from one port, one flow."""
    program = (f"import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
               f"s.bind(('0.0.0.0',{port}));"
               f"[s.sendto(b'{QUESTION}',('{SERVER_ADDRESS}',53)) for _ in range({times})]")
    run(*inside(CLIENT, sys.executable, "-c", program))


def ruleset():
    return run(*inside(ROUTER, "nft", "list", "ruleset"))


def until(what, holds):
    end = time.monotonic() + 3
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"FAILED: {what}\n{ruleset()}")
        time.sleep(0.02)
    print(f"ok: {what}")


def named(port):
    """In the set of whatever is the table now."""
    return re.search(rf"elements = {{[^}}]*\b{port}\b", ruleset()) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/nfa"))
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    if not shutil.which("nft"):
        print("skipped: needs nftables")
        return
    with router_between_two(), tempfile.TemporaryDirectory() as folder:
        config, log = pathlib.Path(folder) / "config.json", pathlib.Path(folder) / "log"
        config.write_text(json.dumps(CONFIG))
        sink = subprocess.Popen(inside(SERVER, sys.executable, "-c",
            "import socket,time;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
            "s.bind(('0.0.0.0',53));time.sleep(600)"))
        with open(log, "w") as out:
            daemon = subprocess.Popen(
                inside(ROUTER, arguments.program, "run", "--config", str(config), "--catalogue",
                       str(ROOT / "files/usr/share/nfa/apps.d"), "--socket", f"{folder}/sock"),
                stdout=out, stderr=out)
        try:
            until("the table is there", lambda: "table inet nfa-feed" in ruleset())
            until("nfa captures", lambda: "capturing" in log.read_text())
            ask(4001, DATAGRAMS)
            until("a flow is named", lambda: named(4001))
            # The agent does not capture an instant: what it counts is what came.
            daemon.send_signal(signal.SIGUSR1)
            until("counters are told", lambda: re.search(r"\d+ packets \(", log.read_text()))
            seen = int(re.findall(r"(\d+) packets \(", log.read_text())[-1])
            if not 1 <= seen < FEED:
                sys.exit(f"FAILED: {seen} of {DATAGRAMS} datagrams came, expected fewer than {FEED}")
            print(f"ok: {seen} of the flow's {DATAGRAMS} datagrams came to nfa")
            run(*inside(ROUTER, "nft", "flush", "ruleset"))
            until("the table is back", lambda: "table inet nfa-feed" in ruleset())
            ask(4002, 1)
            until("a flow after that is named, the one before too",
                  lambda: named(4002) and named(4001))
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(10)
            if "nfa-feed" in ruleset():
                sys.exit(f"FAILED: the table stayed\n{ruleset()}")
            print("ok: the table is gone with nfa")
        finally:
            sink.kill()
            if daemon.poll() is None:
                daemon.kill()
            print("".join(f"  | {line}\n" for line in log.read_text().splitlines()))


if __name__ == "__main__":
    main()
