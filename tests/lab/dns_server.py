"""A name server for the lab, UDP, A and AAAA: `dns_server.py ADDRESS... -- NAME=ADDRESS...`.

A name it does not know is answered with NXDOMAIN at once, so that no client waits.
"""

import ipaddress
import selectors
import socket
import struct
import sys

A, AAAA, IN = 1, 28, 1
NXDOMAIN = 3


def question(datagram):
    """The name asked for (lower case), its type, and the offset behind the question."""
    labels, at = [], 12
    while datagram[at]:
        labels.append(datagram[at + 1 : at + 1 + datagram[at]].decode("ascii", "replace").lower())
        at += 1 + datagram[at]
    return ".".join(labels), struct.unpack_from("!H", datagram, at + 1)[0], at + 5


def answer(datagram, names):
    """The whole answer to one query."""
    name, kind, end = question(datagram)
    known = [ipaddress.ip_address(address) for address in names.get(name, [])]
    wanted = {A: 4, AAAA: 6}.get(kind)
    found = [address for address in known if address.version == wanted]
    flags = 0x8580 | (0 if name in names else NXDOMAIN)
    out = struct.pack("!2sHHHHH", datagram[:2], flags, 1, len(found), 0, 0) + datagram[12:end]
    for address in found:
        data = address.packed
        out += struct.pack("!HHHIH", 0xC00C, kind, IN, 300, len(data)) + data
    print(name, {A: "A", AAAA: "AAAA"}.get(kind, kind), *found, flush=True)
    return out


def main():
    split = sys.argv.index("--")
    names = {}
    for pair in sys.argv[split + 1 :]:
        name, _, addresses = pair.partition("=")
        names[name] = addresses.split(",")
    selector = selectors.DefaultSelector()
    for address in sys.argv[1:split]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        listener.bind((address, 53))
        selector.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            datagram, peer = key.fileobj.recvfrom(4096)
            try:
                key.fileobj.sendto(answer(datagram, names), peer)
            except (IndexError, struct.error):
                print("bad query from", peer, flush=True)


if __name__ == "__main__":
    main()
