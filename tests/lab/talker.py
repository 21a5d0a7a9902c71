"""Frames by the thousand, written to a device: flows with and without content, floods, drips.

    talker.py DEVICE KIND [--start N] [--count N] [--pps N] [--rounds N] [--seed N]

The device is the far end of a veth whose other end is captured; nobody answers, so every frame is
exactly what is said here. Flow number N of the kinds `ping`, `invite`, `junk`, `tls`, `data`, `silence`,
`drip`, `giant` has the tuple `tuple_of(N)`. Prints `sent COUNT in SECONDS` in the end. KIND:

    ping      BEP 5's example of a DHT ping: BitTorrent
    invite    a SIP request
    junk      the same tuples as ping, 40 bytes nobody knows
    tls       SYN, SYN+ACK, ClientHello for www.youtube.com
    data      application data in the middle of the same connections
    drip      a ClientHello, one byte in a segment
    giant     a ClientHello of 15 kB that ends in a name, in segments
    syn       a scan: SYNs to random addresses and ports
    udp       random tuples, 20 random bytes
    dns       answers of a name server with random names and addresses
    hostile   names with control characters, terminal escapes and newlines in TLS, HTTP, DNS, SIP
    alike     flows whose tuples differ in few bits, as a hash without a key would mix up
"""

import argparse
import random
import socket
import struct
import time

LOCAL = "192.168.1.2"
MACS = bytes.fromhex("020000000001 020000000002")  # from the LAN to the router
BACK = MACS[6:] + MACS[:6]
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
INVITE = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n"
SYN, ACK, PSH = 2, 16, 8


def tuple_of(number):
    """Local port, far address, far port of a flow: 40,000 of them and more, all different."""
    return (
        10_000 + number % 40_000,
        f"203.0.{113 + number // 50_000 % 100}.{number // 250 % 200 + 1}",
        6000 + number % 250,
    )


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, source, target, body, macs=MACS):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0,
                         packed(source), packed(target))  # fmt: skip
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    return macs + b"\x08\x00" + header + body


def packed(address):
    return address if isinstance(address, bytes) else socket.inet_aton(address)


def udp(source, sport, target, dport, payload, macs=MACS):
    body = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ipv4(17, source, target, body, macs)


def tcp(source, sport, target, dport, flags, sequence, acknowledged, payload=b"", macs=MACS):
    body = struct.pack(">HHIIBBHHH", sport, dport, sequence, acknowledged, 0x50, flags, 65535, 0, 0)
    return ipv4(6, source, target, body + payload, macs)


def extension(kind, body):
    return struct.pack(">HH", kind, len(body)) + body


def hello(host="www.youtube.com", padding=0):
    """A ClientHello, RFC 8446 section 4.1.2; the name comes behind the padding."""
    name = host.encode()
    name = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extensions = (extension(21, bytes(padding)) if padding else b"") + extension(0, name)
    extensions += extension(43, b"\x02\x03\x04")
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(shake)) + shake


def opening(number, port=443):
    """SYN and SYN+ACK of a connection."""
    sport, far, _ = tuple_of(number)
    yield tcp(LOCAL, sport, far, port, SYN, 999, 0)
    yield tcp(far, port, LOCAL, sport, SYN | ACK, 4999, 1000, macs=BACK)


def segments(number, payload, size, port=443):
    """The payload behind an opening."""
    sport, far, _ = tuple_of(number)
    for at in range(0, len(payload), size):
        part = payload[at : at + size]
        yield tcp(LOCAL, sport, far, port, ACK | PSH, 1000 + at, 5000, part)


def datagram(payload):
    def frames(number, _):
        sport, far, dport = tuple_of(number)
        yield udp(LOCAL, sport, far, dport, payload)

    return frames


def tls(payload, size):
    def frames(number, _):
        yield from opening(number)
        yield from segments(number, payload, size)

    return frames


def data(number, _):
    """Some record of the connection, later."""
    sport, far, _ = tuple_of(number)
    record = b"\x17\x03\x03\x00\x40" + bytes(64)
    yield tcp(LOCAL, sport, far, 443, ACK | PSH, 90_000, 70_000, record)
    yield tcp(far, 443, LOCAL, sport, ACK | PSH, 70_000, 90_069, record, macs=BACK)


def scan(_, rng):
    far = rng.getrandbits(32).to_bytes(4, "big")
    yield tcp(LOCAL, rng.randrange(1024, 65536), far, rng.randrange(1, 65536), SYN, 1, 0)


def noise(_, rng):
    far = rng.getrandbits(32).to_bytes(4, "big")
    yield udp(LOCAL, rng.randrange(1024, 65536), far, rng.randrange(1, 65536), rng.randbytes(20))


def answers(_, rng):
    label = b"%016x" % rng.getrandbits(64)
    name = bytes([len(label)]) + label + b"\x07example\x03net\x00"
    question = name + b"\x00\x01\x00\x01"
    record = b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH", 3600, 4)
    record += rng.getrandbits(32).to_bytes(4, "big")
    message = struct.pack(">HHHHHH", rng.getrandbits(16), 0x8180, 1, 1, 0, 0) + question + record
    yield udp("198.51.100.53", 53, LOCAL, rng.randrange(1024, 65536), message, BACK)


def alike(number, _):
    """Tuples that a sum or an exclusive or of their words cannot tell apart."""
    far = struct.pack(">HH", 0xCB00 + (number & 0xFF), 0x7100 + (number & 0xFF))
    port = 1024 + (number >> 8)
    yield udp(LOCAL, port, far, port, b"\x00" * 20)


EVIL = "evil\x1b[31m\x1b]0;title\x07\nerror: forged\r\x00\x7f\x9b2J%s%n$(reboot)`id`;\u202e.example"


def hostile(number, _):
    """Every kind of place where a name comes from, in flows of its own."""
    evil = EVIL.encode("latin-1", "replace")
    at = number * 10
    yield from opening(at)
    yield from segments(at, hello(EVIL.replace("\u202e", "")), 1400)
    get = b"GET /" + evil.replace(b"\n", b" ") + b" HTTP/1.1\r\nHost: " + evil.replace(b"\n", b"")
    yield from opening(at + 1, 80)
    yield from segments(at + 1, get + b"\r\nUser-Agent: \x1b[2J" + evil + b"\r\n\r\n", 1400, 80)
    label = evil[:60]
    name = bytes([len(label)]) + label + b"\x03net\x00\x00\x01\x00\x01"
    message = struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + name
    message += b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH", 3600, 4) + packed("203.0.113.77")
    yield udp("198.51.100.53", 53, LOCAL, 20_000 + number, message, BACK)
    sport, far, _ = tuple_of(at + 2)
    yield udp(LOCAL, sport, far, 5060, b"INVITE sip:" + evil + b" SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n")
    yield from opening(at + 3, 22)
    yield from segments(at + 3, b"SSH-2.0-" + evil.replace(b"\n", b"") + b"\r\n", 1400, 22)
    # Whatever the answer named: a flow to it.
    yield udp(LOCAL, sport + 1, "203.0.113.77", 7777, b"\xfe\x81" * 20)


KINDS = {
    "ping": datagram(PING),
    "invite": datagram(INVITE),
    "junk": datagram(b"\xfe\x81" * 20),
    "tls": tls(hello(), 1400),
    "drip": tls(hello(), 1),
    "giant": tls(hello(padding=15_000), 1400),
    "data": data,
    "syn": scan,
    "udp": noise,
    "dns": answers,
    "alike": alike,
    "hostile": hostile,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("device")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--pps", type=int, default=0, help="frames per second; 0: as fast as can be")
    parser.add_argument("--rounds", type=int, default=1, help="all flows so often")
    parser.add_argument("--pause", type=float, default=0, help="seconds between two rounds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((options.device, 0))
    rng = random.Random(options.seed)
    start = time.monotonic()
    sent = 0
    for turn in range(options.rounds):
        if turn:
            time.sleep(options.pause)
        for number in range(options.start, options.start + options.count):
            for frame in KINDS[options.kind](number, rng):
                while True:
                    try:
                        wire.send(frame)
                        break
                    except OSError as full:  # ENOBUFS: the queue of the device
                        if full.errno != 105:
                            raise
                        time.sleep(0.001)
                sent += 1
                if options.pps and sent % 32 == 0:
                    ahead = start + sent / options.pps - time.monotonic()
                    if ahead > 0:
                        time.sleep(ahead)
    print(f"sent {sent} in {time.monotonic() - start:.2f}", flush=True)


if __name__ == "__main__":
    main()
