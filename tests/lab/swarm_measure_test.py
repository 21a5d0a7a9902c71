#!/usr/bin/python3
"""The swarm laboratory's arithmetic, on made-up flows and on committed captures; no root."""

import unittest
from pathlib import Path

from flows import FlowKey
from negative_programs import kind_of
from swarm_measure import Score, Seen, Traffic, Verdicts, judge, reaches, read, share

PCAP = Path(__file__).resolve().parent.parent / "pcap"
KEY = FlowKey("tcp", "192.168.71.10", 50000, "198.51.100.71", 6881)
ELEMENT = "198.51.100.71,tcp:6881,192.168.71.10"


def flow(*payloads, key=KEY):
    """A handshake of three, then payloads outward and inward by turns, in frames 10, 20, 30..."""
    seen = [Seen(10 * n, n / 10, 40, 0, n % 2 == 1) for n in (1, 2, 3)]
    seen += [
        Seen(10 * n, n / 10, 40 + size, size, n % 2 == 0) for n, size in enumerate(payloads, 4)
    ]
    return Traffic(key, seen)


def verdicts(*spans, name="BitTorrent"):
    made = Verdicts()
    made.names[KEY].append((name, {}))
    made.spans[ELEMENT] += [list(span) for span in spans]
    return made


class JudgeTest(unittest.TestCase):
    def test_the_second_payload_packet(self):
        result = judge(flow(100, 200, 300), verdicts((50, 0.5, float("inf"))))
        self.assertTrue(result.recalled)
        self.assertEqual(result.effect, 2)
        self.assertAlmostEqual(result.delay, 0.4)
        self.assertEqual(result.covered, 340)

    def test_an_element_from_before_the_flow(self):
        result = judge(flow(100, 200), verdicts((1, 0.0, float("inf"))))
        self.assertEqual((result.effect, result.delay), (0, 0.0))
        self.assertEqual(result.covered, result.flow.size)

    def test_an_element_between_two_packets_of_the_flow(self):
        self.assertEqual(judge(flow(1, 2, 3), verdicts((45, 0.45, 99))).effect, 1)

    def test_an_element_of_another_time_is_none(self):
        self.assertIsNone(judge(flow(1, 2), verdicts((1, 0.0, 9))).effect)
        self.assertIsNone(judge(flow(1, 2), verdicts((51, 0.6, 99))).effect)

    def test_an_element_without_the_name_is_no_recall(self):
        found = judge(flow(1, 2), verdicts((40, 0.4, 99), name="Unknown"))
        self.assertFalse(found.recalled)
        self.assertEqual(Score([found]).recalled, 0)

    def test_a_name_without_the_element_is_no_recall(self):
        self.assertFalse(judge(flow(1, 2), verdicts()).recalled)

    def test_scores(self):
        good = judge(flow(100, 200), verdicts((40, 0.4, 99)))
        late = judge(flow(1, 2, 3), verdicts((60, 0.6, 99)))
        lost = judge(flow(5), verdicts())
        score = Score([good, late, lost])
        self.assertEqual((score.flows, score.recalled, score.by_second), (3, 2, 1))
        self.assertFalse(reaches(score.recalled, score.flows, 0.9))
        self.assertEqual(share(9996, 10000), "99.9 %")


class FlowsTest(unittest.TestCase):
    def test_attempts_to_connect_are_no_flows(self):
        self.assertTrue(flow().unanswered)
        udp = KEY._replace(protocol="udp")
        syns = [Seen(n, n, 48, 20, True) for n in (1, 2)]
        self.assertTrue(Traffic(udp, syns).unanswered)
        answered = Traffic(udp, [*syns, Seen(3, 3, 48, 20, False)])
        query = Traffic(udp, [Seen(1, 1, 133, 105, True)])
        self.assertFalse(answered.unanswered or query.unanswered or flow(1).unanswered)

    def test_captures_are_read(self):
        flows = read(PCAP / "bittorrent_mse_utp_v4.pcap")
        self.assertTrue(flows)
        self.assertTrue(all(flow.key.other == "198.51.100.72" for flow in flows))
        self.assertEqual(flows[0].packets[0].frame, 1)

    def test_ports_tell_the_programs(self):
        def kind(local_port, other_port, protocol="tcp", other="198.51.100.40"):
            return kind_of(FlowKey(protocol, "192.168.71.10", local_port, other, other_port))

        self.assertEqual(kind(40000, 8388), "shadowsocks")
        self.assertEqual(kind(25003, 40000), "inbound-tcp")
        self.assertEqual(kind(40000, 41000, "udp"), "webrtc")
        self.assertIsNone(kind(40000, 80))
        self.assertIsNone(kind(40000, 8388, other="192.0.2.1"))


if __name__ == "__main__":
    unittest.main()
