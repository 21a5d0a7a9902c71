"""Ground truth: capture files read by other means than the agent's, and cut down to size.

Only what tcpdump writes: little-endian, microseconds, Ethernet without tags, no extension headers.
"""

import ipaddress
import struct
from collections import namedtuple
from dataclasses import dataclass

FILE_HEADER = 24
RECORD_HEADER = struct.Struct("<IIII")
MAGIC = b"\xd4\xc3\xb2\xa1"
NAMES = {6: "tcp", 17: "udp"}
FIN, SYN, RST = 1, 2, 4

Packet = namedtuple("Packet", "time protocol source source_port target target_port payload flags")


def records(path, offset=FILE_HEADER):
    """Yields (offset behind the record, header, frame) of each complete record."""
    with open(path, "rb") as file:
        if file.read(4) not in (MAGIC, b""):
            raise ValueError(f"{path}: not a little-endian microsecond capture")
        file.seek(offset)
        while True:
            header = file.read(RECORD_HEADER.size)
            if len(header) < RECORD_HEADER.size:
                return
            length = RECORD_HEADER.unpack(header)[2]
            frame = file.read(length)
            if len(frame) < length:
                return
            offset += RECORD_HEADER.size + length
            yield offset, header, frame


def parse(header, frame):
    """A Packet, or None if it is neither TCP nor UDP or not a first fragment."""
    seconds, micros, _, _ = RECORD_HEADER.unpack(header)
    kind = frame[12:14]
    if kind == b"\x08\x00":
        size = (frame[14] & 15) * 4
        if struct.unpack_from("!H", frame, 20)[0] & 0x1FFF:
            return None
        protocol, source, target = frame[23], frame[26:30], frame[30:34]
        start, end = 14 + size, 14 + struct.unpack_from("!H", frame, 16)[0]
    elif kind == b"\x86\xdd":
        protocol, source, target = frame[20], frame[22:38], frame[38:54]
        start, end = 54, 54 + struct.unpack_from("!H", frame, 18)[0]
    else:
        return None
    if protocol not in NAMES:
        return None
    source_port, target_port = struct.unpack_from("!HH", frame, start)
    above = (frame[start + 12] >> 4) * 4 if protocol == 6 else 8
    flags = frame[start + 13] if protocol == 6 else 0
    return Packet(
        seconds + micros / 1e6, NAMES[protocol], str(ipaddress.ip_address(source)), source_port,
        str(ipaddress.ip_address(target)), target_port, end - start - above, flags,
    )  # fmt: skip


FlowKey = namedtuple("FlowKey", "protocol local local_port other other_port")


@dataclass
class Flow:
    """What the wire showed of one flow, seen from the LAN."""

    key: FlowKey
    first: float
    last: float = 0.0
    first_payload: float = 0.0
    sent: int = 0  # packets with payload, from the LAN
    received: int = 0
    closed: float = 0.0  # when the first FIN or RST passed

    @property
    def answered(self):
        """Whether both sides said something; a question nobody answers need not be understood."""
        return self.sent and self.received

    @property
    def family(self):
        return "v6" if ":" in self.key.local else "v4"

    def member(self):
        """The element of a hash:ip,port,ip set that covers this flow, as ipset prints it."""
        return f"{self.key.other},{self.key.protocol}:{self.key.other_port},{self.key.local}"


class Truth:
    """The flows in a list of growing capture files."""

    def __init__(self, lan):
        self.lan = [ipaddress.ip_network(network) for network in lan]
        self.files = {}  # path -> how far it was read
        self.flows = {}

    def add(self, path):
        self.files[path] = FILE_HEADER

    def update(self):
        """Reads on, and returns all flows."""
        for path in self.files:
            for offset, header, frame in records(path, self.files[path]):
                self.files[path] = offset
                packet = parse(header, frame)
                if packet:
                    self._count(packet)
        return list(self.flows.values())

    def _local(self, address):
        return any(ipaddress.ip_address(address) in network for network in self.lan)

    def _count(self, packet):
        time, protocol, source, source_port, target, target_port, payload, flags = packet
        if self._local(source) == self._local(target):
            return
        if self._local(source):
            key = FlowKey(protocol, source, source_port, target, target_port)
        else:
            key = FlowKey(protocol, target, target_port, source, source_port)
        outward = key.local == source
        flow = self.flows.setdefault(key, Flow(key, time))
        flow.last = time
        if payload:
            flow.sent += outward
            flow.received += not outward
            flow.first_payload = flow.first_payload or time
        if flags & (FIN | RST) and not flow.closed:
            flow.closed = time


def shorten(source, target, packets_per_flow, keep=lambda packet: True):
    """Copies the first packets of every flow that `keep` likes; returns how many packets."""
    seen, copied = {}, 0
    with open(source, "rb") as file, open(target, "wb") as out:
        out.write(file.read(FILE_HEADER))
        for _, header, frame in records(source):
            packet = parse(header, frame)
            if not packet or not keep(packet):
                continue
            ends = frozenset([packet[2:4], packet[4:6]])
            seen[ends] = seen.get(ends, 0) + 1
            if seen[ends] <= packets_per_flow:
                out.write(header + frame)
                copied += 1
    return copied
