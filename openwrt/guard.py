#!/usr/bin/env python3
"""Compares what a cross-built nfa reads through libpcap with what stands in the capture file.

guard.py CAPTURE COMMAND...   COMMAND, with a file's name or `-` behind it, replays that capture

A libc with another time_t than libpcap's takes times and lengths of packets from the wrong place,
and nothing else need look wrong. nfa reads a plain file by itself, standard input by libpcap: both
must tell the same, and the packets and bytes that are counted here. The capture must be Ethernet
and all IP, so that each of its packets belongs to a flow.
"""

import gzip
import json
import struct
import subprocess
import sys

ETHERNET_BYTES = 14
MAGIC = 0xA1B2C3D4  # pcap, microseconds, in the writer's byte order


def packets(capture):
    """Packets of a little-endian pcap file, and their IP bytes on the wire."""
    (magic,) = struct.unpack_from("<I", capture)
    if magic != MAGIC:
        sys.exit("not a little-endian pcap file")
    at, count, total = 24, 0, 0
    while at < len(capture):
        captured, wire = struct.unpack_from("<8xII", capture, at)
        at += 16 + captured
        count, total = count + 1, total + wire - ETHERNET_BYTES
    return count, total


def replay(command, given=None):
    """The lines that the command prints."""
    run = subprocess.run(command, input=given, capture_output=True, check=False)
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace")[-2000:]
        sys.exit(f"{' '.join(command)}\nended with status {run.returncode}: {said}")
    return run.stdout.splitlines()


def main():
    path, command = sys.argv[1], sys.argv[2:]
    with open(path, "rb") as file:
        capture = file.read()
    own = replay([*command, path])
    libpcap = replay([*command, "-"], gzip.compress(capture))
    if own != libpcap:
        pair = next((a, b) for a, b in zip(own + [b""], libpcap + [b""], strict=False) if a != b)
        sys.exit(f"libpcap's reader and ours differ in:\n{pair[0].decode()}\n{pair[1].decode()}")
    flows = [json.loads(line)["flow"] for line in libpcap]
    told = sum(flow["total_packets"] for flow in flows), sum(flow["total_bytes"] for flow in flows)
    if told != packets(capture):
        sys.exit(f"packets and bytes are {packets(capture)} in the file, {told} by nfa")


main()
