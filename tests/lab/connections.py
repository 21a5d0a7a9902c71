"""Makes so many connections that conntrack sees, each a datagram over loopback: `connections.py N`."""

import socket
import sys

count = int(sys.argv[1])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(count):
    address = f"127.{1 + number // 60_000}.{number // 250 % 240}.{number % 250 + 1}"
    sender.sendto(b"x", (address, 9))
print("made", count)
