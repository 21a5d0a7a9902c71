#!/usr/bin/python3
"""Cuts captures of the swarm laboratory down for tests/pcap: `swarm_captures.py KEPT DIR`.

KEPT is what `swarm_lab.py MODE... --keep KEPT` wrote. Only packets to and from peers and trackers.
"""

import sys
from pathlib import Path

from flows import shorten
from swarm_world import bittorrent_addresses

# Mode, name of the file, packets per flow.
SMALL = [
    ("mse-alone", "bittorrent_swarm_mse_v4", 14),  # five clients answer, two ask, RC4
    ("pex-mse", "bittorrent_swarm_pex_v4", 30),  # PEX in the clear, then encrypted peers
    ("inbound-mse", "bittorrent_swarm_inbound_v4", 14),  # tracker, then encrypted peers come
    ("dht-mse", "bittorrent_swarm_dht_v4", 14),  # values of the DHT, then encrypted peers
]


def main():
    kept, out = Path(sys.argv[1]), Path(sys.argv[2])
    known = bittorrent_addresses()
    for mode, name, packets in SMALL:
        target = out / f"{name}.pcap"
        ours = lambda packet: packet.source in known or packet.target in known  # noqa: E731
        count = shorten(kept / mode / "br-lan.pcap", target, packets, ours)
        print(f"{target.name}: {count} packets, {target.stat().st_size} bytes, from {mode}")


if __name__ == "__main__":
    main()
