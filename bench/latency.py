#!/usr/bin/env python3
"""Time from a flow's deciding packet to its element in the kernel. Needs root.

    bench/latency.py PROGRAM [--rate FLOWS_A_SECOND] [--flows N]

Two namespaces joined by a veth pair: one asks DNS questions, each from a port of its own, in the
other the agent captures and fills an nft set of local ports. A question is stamped before it is
sent, an element when the kernel's own message about it is read: both beyond what is measured, so
the figures are upper bounds. Prints how many arrived, the median and the 99th percentile.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from pair import ADDRESS, CLIENT, ROUTER, agent, inside, pair

FIRST_PORT = 10_000
NETLINK_NETFILTER, GROUP_NFTABLES = 12, 7  # linux/netlink.h, linux/netfilter/nfnetlink.h
NEW_ELEMENT = 10 << 8 | 12  # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWSETELEM
QUESTION = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1"
CONFIG = {
    "version": 1,
    "actions": {"dns": {"criteria": "protocol == 'dns';", "targets": ["nftset.dns"]}},
    "targets": {"nftset.dns": {
        "target_type": "nftset", "set_name": "dns", "set_family": "ipv4", "managed": True,
        "interface": "*", "type": "local_port", "ttl": 600, "flush_on_create": True,
    }},
}


def attributes(data):
    """(type, value) of netlink attributes one behind the other."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4:at + length]
        at += length + 3 & ~3


def only(data, wanted):
    return next((value for kind, value in attributes(data) if kind == wanted), b"")


def ports(datagram):
    """The ports whose elements the kernel tells of."""
    at = 0
    while at + 16 <= len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, at)
        if length < 16:
            return
        if kind == NEW_ELEMENT:
            for _, element in attributes(only(datagram[at + 20:at + length], 3)):
                yield struct.unpack(">H", only(only(element, 1), 1)[:2])[0]
        at += length + 3 & ~3


def listen():
    """In the router: prints PORT and nanoseconds for each element, until told to end."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind((ADDRESS[ROUTER], 53))  # nobody reads it; without it the kernel would complain
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    events.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    events.bind((0, 1 << GROUP_NFTABLES - 1))
    events.settimeout(0.2)
    over, seen = [], []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    print("ready", flush=True)
    while not over:
        try:
            datagram = events.recv(1 << 17)
        except TimeoutError:
            continue
        now = time.monotonic_ns()
        seen.extend((port, now) for port in ports(datagram))
    for port, now in seen:
        print(port, now)


def ask(rate, flows):
    """In the client: prints PORT and nanoseconds for each question."""
    start, sent = time.monotonic_ns(), []
    for number in range(flows):
        due = start + number * 1_000_000_000 // rate
        while (now := time.monotonic_ns()) < due:
            time.sleep((due - now) / 1e9)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            port = FIRST_PORT + number
            asker.bind((ADDRESS[CLIENT], port))
            sent.append((port, time.monotonic_ns()))
            asker.sendto(QUESTION, (ADDRESS[ROUTER], 53))
    for port, now in sent:
        print(port, now)


def measure(program, rate, flows, folder):
    config = pathlib.Path(folder) / "config.json"
    config.write_text(json.dumps(CONFIG))
    itself = [sys.executable, str(pathlib.Path(__file__).resolve())]
    with open(pathlib.Path(folder) / "log", "w+") as log:
        daemon = agent(program, config, log)
        listener = subprocess.Popen(inside(ROUTER, *itself, "--listen", program),
                                    stdout=subprocess.PIPE, text=True)
        try:
            listener.stdout.readline()
            time.sleep(1)
            if daemon.poll() is not None:
                sys.exit(f"the agent ended: {pathlib.Path(log.name).read_text()}")
            asked = subprocess.run(
                inside(CLIENT, *itself, "--ask", "--rate", rate, "--flows", flows, program), stdout=subprocess.PIPE, text=True, check=True)
            time.sleep(1)
            usage = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        finally:
            listener.send_signal(signal.SIGTERM)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(10)
        stamps = [dict(map(int, line.split()) for line in text.splitlines())
                  for text in (asked.stdout, listener.communicate()[0])]
    resident = next(line for line in usage.splitlines() if line.startswith("VmRSS"))
    return *stamps, resident


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.listen:
        return listen()
    if arguments.ask:
        return ask(arguments.rate, arguments.flows)
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    with pair(), tempfile.TemporaryDirectory() as folder:
        asked, filled, resident = measure(
            arguments.program, arguments.rate, arguments.flows, folder)
    took = sorted(filled[port] - at for port, at in asked.items() if port in filled)
    if not took:
        sys.exit("no element arrived")
    median, nearly_all = (took[len(took) * share // 100] / 1e6 for share in (50, 99))
    print(f"{len(took)} of {len(asked)} elements; median {median:.3f} ms, 99th percentile "
          f"{nearly_all:.3f} ms, longest {took[-1] / 1e6:.3f} ms; {' '.join(resident.split())}")


if __name__ == "__main__":
    main()
