#!/usr/bin/env python3
"""Makes the captures that the benchmarks replay, the same bytes every time.

    bench/captures.py DIRECTORY [--flows N] [--corpus DIRECTORY]

mix.pcap     the first packets of 100,000 flows (--flows), all open at the end: a quarter each of
             TLS (SYN, ClientHello), HTTP (SYN, GET), DNS (question) and unknown UDP
bulk.pcap    2,000 TLS flows (a fiftieth of --flows) of 300 packets each, all decided by the fourth;
             96 bytes of each later frame are kept
open.pcap    a tenth of --flows: TLS flows, open and decided, for the memory of a flow
one.pcap     one packet: what start and end cost
corpus.pcap  with --corpus: every Ethernet capture in classic format there, one behind the other
"""

import argparse
import pathlib
import random
import struct

ETHERNET = bytes.fromhex("020000000001 020000000002 0800".replace(" ", ""))
SYN, ACK, PUSH_ACK = 0x02, 0x10, 0x18
SNAPPED = 96

NAMES = [
    "www.youtube.com", "rr3---sn-4g5e6nsz.googlevideo.com", "www.instagram.com", "api.twitter.com",
    "static.xx.fbcdn.net", "www.wikipedia.org", "outlook.office365.com", "api.spotify.com",
    "www.example.org", "cdn.example.net", "mail.example.com", "images.shop.example",
    "telemetry.device.example", "gateway.icloud.com", "play.googleapis.com", "discord.com",
]


class Capture:
    """A pcap file; a packet every 10 microseconds."""

    def __init__(self, path):
        self.file = open(path, "wb", buffering=1 << 20)
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        self.at = 1_700_000_000_000_000
        self.packets = 0

    def add(self, frame, length=None):
        seconds, micros = divmod(self.at, 1_000_000)
        self.file.write(struct.pack("<IIII", seconds, micros, len(frame), length or len(frame)))
        self.file.write(frame)
        self.at += 10
        self.packets += 1

    def close(self):
        """The number of packets goes into a file beside it."""
        self.file.close()
        path = pathlib.Path(self.file.name)
        path.with_suffix(".packets").write_text(f"{self.packets}\n")


def ipv4(protocol, source, destination, rest, length):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, protocol, 0)
    return ETHERNET + header + source + destination + rest


def tcp(source, destination, ports, sequence, flags, payload, length=None):
    header = struct.pack(">HHIIBBHHH", *ports, sequence, 1, 0x50, flags, 65535, 0, 0)
    return ipv4(6, source, destination, header + payload, 20 + (length or len(payload)))


def udp(source, destination, ports, payload):
    header = struct.pack(">HHHH", *ports, 8 + len(payload), 0)
    return ipv4(17, source, destination, header + payload, 8 + len(payload))


def extension(number, body):
    return struct.pack(">HH", number, len(body)) + body


def client_hello(name, rng):
    """As a browser of 2025 greets, without the post-quantum share: 517 bytes by padding."""
    name = name.encode()
    ciphers = [0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8,
               0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035]
    server = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extensions = b"".join([
        extension(0x3A3A, b""),
        extension(0, server),
        extension(23, b""),
        extension(0xFF01, b"\0"),
        extension(10, bytes.fromhex("00082a2a001d00170018")),
        extension(11, b"\1\0"),
        extension(35, b""),
        extension(16, b"\0\x0c\2h2\x08http/1.1"),
        extension(5, b"\1\0\0\0\0"),
        extension(13, bytes.fromhex("001004030804040105030805050108060601")),
        extension(18, b""),
        extension(51, b"\0\x29\x2a\x2a\0\1\0\0\x1d\0\x20" + rng.randbytes(32)),
        extension(45, b"\1\1"),
        extension(43, bytes.fromhex("067a7a03040303")),
        extension(27, b"\2\0\2"),
    ])
    fixed = b"\3\3" + rng.randbytes(32) + b"\x20" + rng.randbytes(32)
    fixed += struct.pack(">H", 2 * len(ciphers)) + b"".join(struct.pack(">H", c) for c in ciphers)
    fixed += b"\1\0"
    padding = 517 - 5 - 4 - len(fixed) - 2 - len(extensions) - 4
    extensions += extension(21, bytes(max(padding, 0)))
    hello = fixed + struct.pack(">H", len(extensions)) + extensions
    message = b"\1" + len(hello).to_bytes(3, "big") + hello
    return struct.pack(">BHH", 22, 0x0301, len(message)) + message


def dns_question(name, rng):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return rng.randbytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def request(name):
    return (f"GET /index.html HTTP/1.1\r\nHost: {name}\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n"
            "Accept: */*\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n").encode()


def client(number):
    return bytes([192, 168, number // 200 % 4, 10 + number % 200])


def server(number):
    return bytes([45, number >> 16 & 255, number >> 8 & 255, number & 255])


def name_of(number):
    """Half of the names are of the list, half are names of their own under one of them."""
    name = NAMES[number % len(NAMES)]
    return name if number // len(NAMES) % 2 else f"h{number}.{name}"


def mix(capture, flows, rng):
    for number in range(flows):
        local, other, port = client(number), server(number), 1024 + number % 60000
        name, kind = name_of(number), number % 4
        if kind == 0:
            capture.add(tcp(local, other, (port, 443), 0, SYN, b""))
            capture.add(tcp(local, other, (port, 443), 1, PUSH_ACK, client_hello(name, rng)))
        elif kind == 1:
            capture.add(tcp(local, other, (port, 80), 0, SYN, b""))
            capture.add(tcp(local, other, (port, 80), 1, PUSH_ACK, request(name)))
        elif kind == 2:
            capture.add(udp(local, other, (port, 53), dns_question(name, rng)))
        else:
            payload = rng.randbytes(rng.randrange(40, 400))
            capture.add(udp(local, other, (port, 20000 + number % 30000), payload))


def tls_flow(capture, number, packets, rng):
    local, other, ports = client(number), server(number), (1024 + number % 60000, 443)
    back = (443, ports[0])
    capture.add(tcp(local, other, ports, 0, SYN, b""))
    capture.add(tcp(other, local, back, 0, SYN | ACK, b""))
    capture.add(tcp(local, other, ports, 1, PUSH_ACK, client_hello(name_of(number), rng)))
    server_hello = b"\2\0\0\x46\3\3" + rng.randbytes(32) + b"\0\x13\1\0\0\x1e"
    server_hello += extension(43, b"\3\4") + extension(51, b"\0\x1d\0\x10" + rng.randbytes(16))
    reply = struct.pack(">BHH", 22, 0x0303, len(server_hello)) + server_hello
    capture.add(tcp(other, local, back, 1, PUSH_ACK, reply))
    yield
    sequence = 1 + len(reply)
    for packet in range(4, packets):
        if packet % 3:
            frame = tcp(other, local, back, sequence, ACK, bytes(1400), 1400)
            sequence += 1400
        else:
            frame = tcp(local, other, ports, 518, ACK, b"")
        capture.add(frame[:SNAPPED], len(frame))
        yield


def tls_flows(capture, flows, packets, rng):
    """The flows take turns, packet by packet, so that no cache is unduly warm."""
    for first in range(0, flows, 500):
        turns = [tls_flow(capture, n, packets, rng) for n in range(first, min(first + 500, flows))]
        while turns:
            turns = [flow for flow in turns if next(flow, capture) is None]


def corpus(capture, folder):
    """Captures of Ethernet in pcap format, of either byte order, with micro- or nanoseconds."""
    for source in sorted(pathlib.Path(folder).glob("*.pcap")):
        data = source.read_bytes()
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">",
                 b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}.get(data[:4])
        if order is None or struct.unpack(order + "I", data[20:24])[0] != 1:
            continue
        at = 24
        while at + 16 <= len(data):
            _, _, kept, length = struct.unpack(order + "IIII", data[at:at + 16])
            capture.add(data[at + 16:at + 16 + kept], length)
            at += 16 + kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--flows", type=int, default=100_000)
    parser.add_argument("--corpus", type=pathlib.Path)
    arguments = parser.parse_args()
    folder, flows = arguments.directory, arguments.flows
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    question = udp(client(0), server(0), (1024, 53), dns_question("a.example", rng))
    makers = {
        "one": lambda capture: capture.add(question),
        "mix": lambda capture: mix(capture, flows, rng),
        "bulk": lambda capture: tls_flows(capture, flows // 50, 300, rng),
        "open": lambda capture: tls_flows(capture, flows // 10, 4, rng),
    }
    if arguments.corpus:
        makers["corpus"] = lambda capture: corpus(capture, arguments.corpus)
    for name, make in makers.items():
        capture = Capture(folder / f"{name}.pcap")
        make(capture)
        capture.close()


if __name__ == "__main__":
    main()
