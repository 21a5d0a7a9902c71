#!/usr/bin/env python3
"""The other end of the cable of openwrt/boot.sh: traffic for the guest, and what its sets must hold.

traffic.py merge OUT CAPTURE...   one capture of all, in this order, a millisecond between frames
traffic.py frames CAPTURE         how many frames it has
traffic.py send CAPTURE SOCKET    each frame as a datagram to a Unix socket: qemu's `-netdev dgram`
traffic.py expect REPLAY          the set members that a replay's lines (a file) added, sorted
traffic.py members CONSOLE        those that `ipset save` printed on the guest's console, sorted

Members are lines `SET ELEMENT`. Captures are pcap files of the writer's own, little endian.
"""

import json
import re
import socket
import struct
import sys
import time

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)  # microseconds, Ethernet
STEP_MICROSECONDS = 1000
# A frame each five milliseconds: an emulated router falls behind at some thousands a second.
PAUSE_SECONDS = 0.005


def frames(path):
    """The frames of a capture."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] != HEADER[:4] or content[20:24] != HEADER[20:24]:
        sys.exit(f"{path}: not a little-endian pcap file of Ethernet")
    at = len(HEADER)
    while at < len(content):
        captured, wire = struct.unpack_from("<8xII", content, at)
        if captured != wire:
            sys.exit(f"{path}: a frame is cut short")
        at += 16 + captured
        yield content[at - captured : at]


def merge(out, *captures):
    """Writes the capture that is sent, and replayed for comparison."""
    start = 1_700_000_000
    with open(out, "wb") as file:
        file.write(HEADER)
        for number, frame in enumerate(frame for path in captures for frame in frames(path)):
            micro = number * STEP_MICROSECONDS
            head = (start + micro // 1_000_000, micro % 1_000_000, len(frame), len(frame))
            file.write(struct.pack("<IIII", *head) + frame)


def send(capture, path):
    """Sends each frame."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as cable:
        for frame in frames(capture):
            cable.sendto(frame, path)
            time.sleep(PAUSE_SECONDS)


def expect(path):
    """What the sets hold if nothing has expired: the replay does not reach its time-outs."""
    held = set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            change = json.loads(line)
            if change["type"] == "set" and change["change"] == "add":
                held.add(f"{change['set']} {change['element']}")
    return held


def members(path):
    """From lines `add SET ELEMENT timeout SECONDS`; ipset writes protocols as `tcp:`."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        found = (re.match(r"add (\S+) (\S+) timeout \d+", line) for line in lines)
        return {f"{match[1]} {match[2]}" for match in found if match}


def main(arguments):
    match arguments:
        case ["merge", out, *captures]:
            merge(out, *captures)
        case ["frames", capture]:
            print(sum(1 for _ in frames(capture)))
        case ["send", capture, path]:
            send(capture, path)
        case ["expect" | "members" as what, path]:
            held = expect(path) if what == "expect" else members(path)
            if not held:
                sys.exit(f"{path}: no set has a member")
            print("\n".join(sorted(held)))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
