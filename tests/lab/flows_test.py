#!/usr/bin/python3
"""The ground truth itself is tested, on the captures the lab committed."""

import tempfile
import unittest
from pathlib import Path

from flows import Truth, parse, records, shorten
from lab import LAN_V4, LAN_V6
from sets import Sets

PCAP = Path(__file__).resolve().parent.parent / "pcap"


class TruthTest(unittest.TestCase):
    def flows(self, name):
        truth = Truth([LAN_V4, LAN_V6])
        truth.add(PCAP / name)
        return truth.update()

    def test_both_families_as_set_members(self):
        members = {flow.member() for flow in self.flows("tls_youtube.pcap")}
        self.assertEqual(
            members,
            {"198.51.100.10,tcp:443,192.168.71.10", "2001:db8:51::10,tcp:443,fd71::10"},
        )

    def test_an_answered_flow_counts_both_ways(self):
        for flow in self.flows("quic_instagram.pcap"):
            self.assertTrue(flow.answered, flow)
            self.assertEqual(flow.key.protocol, "udp")

    def test_a_half_written_record_is_read_later(self):
        whole = (PCAP / "tls_twitter.pcap").read_bytes()
        with tempfile.NamedTemporaryFile() as file:
            file.write(whole[:-5])
            file.flush()
            truth = Truth([LAN_V4, LAN_V6])
            truth.add(file.name)
            before = sum(flow.sent + flow.received for flow in truth.update())
            file.write(whole[-5:])
            file.flush()
            after = sum(flow.sent + flow.received for flow in truth.update())
        full = sum(flow.sent + flow.received for flow in self.flows("tls_twitter.pcap"))
        self.assertLessEqual(before, after)
        self.assertEqual(after, full)

    def test_shorten_keeps_the_first_packets_of_each_flow(self):
        with tempfile.NamedTemporaryFile() as file:
            self.assertEqual(shorten(PCAP / "tls_twitter.pcap", file.name, 3), 6)
            first = [parse(header, frame) for _, header, frame in records(file.name)]
        self.assertEqual(sum(packet.flags & 2 for packet in first), 8)  # two SYN, two SYN ACK


class SetsTest(unittest.TestCase):
    def test_members_and_shape(self):
        sets = Sets(
            "create nfa.a.v4 hash:ip,port,ip family inet timeout 120\n"
            "add nfa.a.v4 198.51.100.10,tcp:443,192.168.71.10 timeout 119\n"
            "create nfa.a.v6 hash:ip,port,ip family inet6 timeout 120\n"
        )
        self.assertEqual(sets.of("nfa.a.v4"), {"198.51.100.10,tcp:443,192.168.71.10": 119})
        self.assertEqual(sets.of("nfa.a.v6"), {})
        self.assertIn("inet6", sets.shapes["nfa.a.v6"])


if __name__ == "__main__":
    unittest.main()
