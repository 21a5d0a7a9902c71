"""What the agent made of a capture, beside what the capture's flows are known to be.

Nothing here looks at payload: which flow is BitTorrent is known from who lives at its other end.
A flow without payload (a refused connection) is no flow, nor is uTP's like: small datagrams in one
direction that nobody answers. Frames are counted from 1, as `nfa replay`
counts them; a flow's payload packets are counted from 1 too, both directions together.
"""

import ipaddress
import json
import statistics
import subprocess
from collections import defaultdict, namedtuple
from dataclasses import dataclass, field

from flows import NAMES, FlowKey, parse, records
from lab import LAN_V4, LAN_V6, LabError

BITTORRENT = "BitTorrent"
LAN = [ipaddress.ip_network(network) for network in (LAN_V4, LAN_V6)]
UTP_HEADER = 30  # bytes, with the extension that says it closes (BEP 29)
Seen = namedtuple("Seen", "frame time size payload outward")


@dataclass
class Traffic:
    """One flow of the capture."""

    key: FlowKey
    packets: list = field(default_factory=list)

    @property
    def payloads(self):
        return [seen for seen in self.packets if seen.payload]

    @property
    def size(self):
        """Bytes of its IP packets, roughly: the frames without their Ethernet header."""
        return sum(seen.size for seen in self.packets)

    @property
    def unanswered(self):
        """Whether it is nothing but one side's attempts to connect, over TCP or uTP."""
        ways = {seen.outward for seen in self.payloads}
        largest = max((seen.payload for seen in self.packets), default=0)
        return not largest or (
            self.key.protocol == "udp" and len(ways) == 1 and largest <= UTP_HEADER
        )

    @property
    def one_sided(self):
        """Whether only one of its ends ever said something."""
        return len({seen.outward for seen in self.payloads}) < 2

    def member(self):
        key = self.key
        return f"{key.other},{key.protocol}:{key.other_port},{key.local}"


def is_local(address, cache={}):  # noqa: B006 - the cache is the point
    """Whether an address is of the LAN."""
    if address not in cache:
        cache[address] = any(ipaddress.ip_address(address) in network for network in LAN)
    return cache[address]


def read(path):
    """All flows with payload that cross the router."""
    flows, frames = {}, 0
    for _, header, frame in records(path):
        frames += 1
        packet = parse(header, frame)
        if not packet:
            continue
        time, protocol, source, source_port, target, target_port, payload, _ = packet
        if is_local(source) == is_local(target):
            continue
        if is_local(source):
            key = FlowKey(protocol, source, source_port, target, target_port)
        else:
            key = FlowKey(protocol, target, target_port, source, source_port)
        flow = flows.setdefault(key, Traffic(key))
        outward = key.local == source
        flow.packets.append(Seen(frames, time, len(frame) - 14, payload, outward))
    return [flow for flow in flows.values() if not flow.unanswered]


@dataclass
class Verdicts:
    """What a replay told: flows by key, and when each element was in its set."""

    names: dict = field(default_factory=lambda: defaultdict(list))  # key -> [(protocol, line)]
    spans: dict = field(
        default_factory=lambda: defaultdict(list)
    )  # element -> [[frame, time, frame]]

    def named(self, key):
        return any(name == BITTORRENT for name, _ in self.names[key])

    def told(self, key):
        """What the agent calls the flow, and by which way it came to it if it says."""
        return "+".join(sorted({
            f"{name}{'/' + line['detection'] if isinstance(line.get('detection'), str) else ''}"
            for name, line in self.names[key]})) or "no record"  # fmt: skip


def replay(agent, config, path):
    """Runs `nfa replay` over a capture."""
    command = [agent, "replay", "--config", config, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode or "panicked" in done.stderr:
        raise LabError(f"replay: {done.stderr[-2000:]}")
    verdicts = Verdicts()
    for text in done.stdout.splitlines():
        line = json.loads(text)
        if line["type"] == "flow":
            flow = line["flow"]
            if "local_port" not in flow or flow["ip_protocol"] not in NAMES:
                continue
            key = FlowKey(NAMES[flow["ip_protocol"]], flow["local_ip"], flow["local_port"],
                          flow["other_ip"], flow["other_port"])  # fmt: skip
            verdicts.names[key].append((flow["detected_protocol_name"], flow))
        elif line["type"] == "set" and "bittorrent" in line["set"]:
            spans = verdicts.spans[line["element"]]
            if line["change"] == "add":
                spans.append([line["packet"], line["at"] / 1000, float("inf")])
            elif line["change"] == "remove" and spans:
                spans[-1][2] = line["packet"]
    return verdicts


@dataclass
class Result:
    """A flow that is BitTorrent, and how it fared."""

    flow: Traffic
    named: bool
    told: str
    effect: int = None  # the payload packet at which its element was there; 0: before its first
    delay: float = None  # seconds from its first packet to that
    covered: int = 0  # bytes that passed while the element was there

    @property
    def recalled(self):
        return self.named and self.effect is not None


def judge(flow, verdicts):
    """How the agent did with one flow."""
    result = Result(flow, verdicts.named(flow.key), verdicts.told(flow.key))
    first, last = flow.packets[0], flow.packets[-1]
    spans = [span for span in verdicts.spans[flow.member()]
             if span[0] <= last.frame and span[2] > first.frame]  # fmt: skip
    if spans:
        frame, at, _ = spans[0]
        result.effect = sum(seen.frame <= frame for seen in flow.payloads)
        result.delay = max(0.0, at - first.time)
    for seen in flow.packets:
        if any(add < seen.frame <= remove for add, _, remove in spans):
            result.covered += seen.size
    return result


def judge_all(flows, verdicts):
    return [judge(flow, verdicts) for flow in flows]


def middle(values):
    return statistics.median(values) if values else None


@dataclass
class Score:
    """One line of the table."""

    results: list

    @property
    def flows(self):
        return len(self.results)

    @property
    def recalled(self):
        return sum(result.recalled for result in self.results)

    @property
    def size(self):
        return sum(result.flow.size for result in self.results)

    @property
    def size_recalled(self):
        return sum(result.flow.size for result in self.results if result.recalled)

    @property
    def covered(self):
        return sum(result.covered for result in self.results)

    @property
    def by_second(self):
        return sum(result.recalled and result.effect <= 2 for result in self.results)

    def delays(self):
        return [result.delay for result in self.results if result.recalled]

    def effects(self):
        return [result.effect for result in self.results if result.recalled]


def share(part, whole):
    """A share in percent, cut off and not rounded up: 99.96 is not 100."""
    return f"{int(1000 * part / whole) / 10:g} %" if whole else "-"


def reaches(part, whole, bar):
    return whole > 0 and part >= bar * whole
