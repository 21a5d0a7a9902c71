#!/usr/bin/python3
"""Records what the lab's programs send, one scenario per file, on the router's br-lan.

    make_captures.py FULL_DIR [SMALL_DIR]

FULL_DIR gets whole captures; SMALL_DIR (tests/pcap) gets the first packets of each flow and the
README that says how each was made. Everything in them was made by the lab: no outside traffic.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import world
from flows import records, shorten
from lab import CLIENTS, Lab, LabError, wait_for
from world import HERE, World, address, endpoint, tracker_url

SIZE = 400_000
PACKETS_PER_FLOW = 20


@dataclass
class Scenario:
    """A capture: its name, a tcpdump filter, what makes the traffic, and what to write about it."""

    name: str
    only: str
    act: Callable
    about: str
    packets: int = PACKETS_PER_FLOW


def local(client, family):
    return CLIENTS[client][family == "v6"]


def listen(client, family, port=7000):
    host = local(client, family)
    return f"[{host}]:{port}" if family == "v6" else f"{host}:{port}"


def libtorrent_and_transmission(w, name):
    """libtorrent downloads from transmission-daemon, plain."""
    swarm = w.swarm(name, SIZE, tracker_url("http", "v4"))
    seeder = w.seed_by_transmission(swarm)
    w.wait_announced(swarm, "seeder-transmission", "v4")
    leech = w.peer("client1", swarm.torrent, swarm.download, listen("client1", "v4"),
                   "--transport", "tcp")  # fmt: skip
    wait_for(f"{name} completes", swarm.complete, 60)
    leech.stop()
    seeder.stop(10)


def libtorrent(family, transport, scheme, *options):
    """A libtorrent pair over a tracker, until the download is complete."""

    def act(w, name):
        place = "seeder-utp" if transport == "utp" else "seeder-tcp"
        swarm = w.swarm(name, SIZE, tracker_url(scheme, family))
        how = ["--transport", transport, *options]
        seeder = w.peer("internet", swarm.torrent, swarm.seed, endpoint(place, family), *how)
        w.wait_announced(swarm, place, family)
        leech = w.peer("client1", swarm.torrent, swarm.download, listen("client1", family), *how)
        wait_for(f"{name} completes", swarm.complete, 60)
        leech.stop()
        seeder.stop()

    return act


def aria2_and_transmission(w, name):
    """aria2c downloads from transmission-daemon; an MSE handshake that selects plain text."""
    swarm = w.swarm(name, SIZE, tracker_url("http", "v4"))
    seeder = w.seed_by_transmission(swarm)
    w.wait_announced(swarm, "seeder-transmission", "v4")
    leech = w.aria2("client1", swarm, 0)
    wait_for(f"{name} completes", swarm.complete, 60)
    leech.stop(10)
    seeder.stop(10)


def dht(family):
    """No tracker: the downloader asks the DHT, a node of which is the seeder, and announces."""

    def act(w, name):
        swarm = w.swarm(name, SIZE)
        how = ["--transport", "tcp", "--dht"]
        node = endpoint("seeder-utp", family)
        seeder = w.peer("internet", swarm.torrent, swarm.seed, node, *how)
        wait_for("the seeder seeds", lambda: "seeding" in seeder.output())
        leech = w.peer(
            "client1", swarm.torrent, swarm.download, listen("client1", family), *how, node
        )
        # The seeder knew no node when it announced, so this download never starts.
        capture = w.lab.scratch / f"{name}.pcap"
        wait_for("a DHT announce", lambda: b"announce_peer" in capture.read_bytes(), 60)
        leech.stop()
        seeder.stop()

    return act


def lsd(family):
    """Two peers of one LAN find each other by local service discovery (BEP 14)."""

    def act(w, name):
        swarm = w.swarm(name, SIZE)
        how = ["--transport", "tcp", "--lsd"]
        first = w.peer("client1", swarm.torrent, swarm.seed, listen("client1", family), *how)
        second = w.peer("client2", swarm.torrent, swarm.download, listen("client2", family), *how)
        wait_for(f"{name} completes", swarm.complete, 60)
        first.stop()
        second.stop()

    return act


def tls(host, *families):
    """curl, until some of the answer has come."""

    def act(w, _):
        for family in families:
            client = w.tls("client1", host, family, 2)
            wait_for(f"{host} answers", lambda c=client: "still here" in c.output())
            client.wait(10)

    return act


def quic(host, *families):
    """aioquic, likewise."""

    def act(w, _):
        for family in families:
            client = w.quic("client1", host, family, 2)
            client.wait(15)
            wait_for(f"{host} answered", lambda c=client: "done" in c.output(), 1)

    return act


def chrome(version, host, *families):
    """curl_cffi with Chrome's greeting: a hello with a post-quantum key, in two packets."""

    def act(w, _):
        for family in families:
            path = "/" if version == "h3" else "/blob?bytes=3000"
            client = w.client("client1", "chrome", world.quic_python(), HERE / "chrome_client.py",
                              version, family[1], f"https://{host}{path}")  # fmt: skip
            wait_for(f"{host} answers Chrome", lambda c=client: "done" in c.output(), 15)
            client.stop()

    return act


def http(host, *families):
    def act(w, _):
        for family in families:
            w.http("client1", host, family, 1).wait(10)

    return act


def host_is(place, family):
    return f"host {address(place, family)}"


def on(place):
    return f"( {host_is(place, 'v4')} or {host_is(place, 'v6')} )"


SCENARIOS = [
    Scenario("bittorrent_tcp_v4", "tcp and " + host_is("seeder-transmission", "v4"),
             libtorrent_and_transmission, "libtorrent from transmission-daemon, plain TCP"),
    Scenario("bittorrent_mse_aria2_v4", "tcp and " + host_is("seeder-transmission", "v4"),
             aria2_and_transmission,
             "aria2c from transmission-daemon: an MSE handshake that selects plain"),
    Scenario("bittorrent_tcp_v6", "tcp and " + host_is("seeder-tcp", "v6"),
             libtorrent("v6", "tcp", "http"), "libtorrent pair, plain TCP, IPv6"),
    Scenario("bittorrent_utp_v4", "udp and " + host_is("seeder-utp", "v4"),
             libtorrent("v4", "utp", "udp"), "libtorrent pair, plain uTP"),
    Scenario("bittorrent_utp_v6", "udp and " + host_is("seeder-utp", "v6"),
             libtorrent("v6", "utp", "udp"), "libtorrent pair, plain uTP, IPv6"),
    Scenario("bittorrent_mse_tcp_v4", "tcp and " + host_is("seeder-tcp", "v4"),
             libtorrent("v4", "tcp", "http", "--encrypted"), "libtorrent pair, TCP, MSE"),
    Scenario("bittorrent_mse_utp_v4", "udp and " + host_is("seeder-utp", "v4"),
             libtorrent("v4", "utp", "http", "--encrypted"), "libtorrent pair, uTP, MSE"),
    Scenario("bittorrent_dht_v4", "udp and " + host_is("seeder-utp", "v4"),
             dht("v4"), "libtorrent's DHT: ping, find_node, get_peers, announce_peer"),
    Scenario("bittorrent_dht_v6", "udp and " + host_is("seeder-utp", "v6"),
             dht("v6"), "libtorrent's DHT, IPv6"),
    Scenario("bittorrent_lsd_v4", "udp and port 6771",
             lsd("v4"), "libtorrent's local service discovery, multicast"),
    Scenario("bittorrent_http_tracker_v4", "tcp and " + host_is("tracker", "v4"),
             aria2_and_transmission, "aria2c announces to an HTTP tracker"),
    Scenario("bittorrent_http_tracker_v6", "tcp and " + host_is("tracker", "v6"),
             libtorrent("v6", "tcp", "http"), "libtorrent announces to an HTTP tracker, IPv6"),
    Scenario("bittorrent_udp_tracker_v4", "udp and " + host_is("tracker", "v4"),
             libtorrent("v4", "tcp", "udp"), "libtorrent announces to a UDP tracker"),
    Scenario("bittorrent_udp_tracker_v6", "udp and " + host_is("tracker", "v6"),
             libtorrent("v6", "tcp", "udp"), "libtorrent announces to a UDP tracker, IPv6"),
    Scenario("tls_youtube", on("youtube"), tls("www.youtube.com", "v4", "v6"),
             "curl, www.youtube.com, IPv4 and IPv6", 10),
    Scenario("tls_facebook", on("facebook"), tls("www.facebook.com", "v4", "v6"),
             "curl, www.facebook.com, IPv4 and IPv6", 10),
    Scenario("tls_twitter", on("twitter"), tls("twitter.com", "v4", "v6"),
             "curl, twitter.com, IPv4 and IPv6", 10),
    Scenario("tls_example", on("plain"), tls("www.example.org", "v4", "v6"),
             "curl, www.example.org (in no category), IPv4 and IPv6", 10),
    Scenario("tls_youtube_chrome", on("youtube"), chrome("h2", "www.youtube.com", "v4", "v6"),
             "curl_cffi greeting as Chrome: the hello spans two segments", 10),
    Scenario("quic_youtube", on("youtube"), quic("www.youtube.com", "v4", "v6"),
             "aioquic, www.youtube.com, HTTP/3, IPv4 and IPv6", 10),
    Scenario("quic_instagram", on("instagram"), quic("www.instagram.com", "v4", "v6"),
             "aioquic, www.instagram.com, HTTP/3, IPv4 and IPv6", 10),
    Scenario("quic_youtube_chrome", on("youtube"), chrome("h3", "www.youtube.com", "v4", "v6"),
             "curl_cffi greeting as Chrome over HTTP/3: the hello spans two Initials", 10),
    Scenario("http_example", on("plain"), http("www.example.org", "v4", "v6"),
             "curl, plain HTTP, IPv4 and IPv6"),
    Scenario("dns", "udp port 53", tls("www.youtube.com", "v4", "v6"),
             "curl's look-ups of www.youtube.com, A and AAAA"),
]  # fmt: skip


def record(lab, w, scenario):
    """Runs a scenario under tcpdump; returns the capture."""
    tcpdump, path = lab.capture(scenario.name, only=scenario.only)
    scenario.act(w, scenario.name)
    tcpdump.stop()
    return path


def main():
    world.need_root()
    full = Path(sys.argv[1])
    small = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    for directory in filter(None, [full, small]):
        directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for scenario in SCENARIOS:
        with Lab() as lab:  # a fresh one each: no peer of an earlier swarm is remembered
            w = World(lab)
            w.start()
            lab.bridge_up()
            path = record(lab, w, scenario)
            shutil.copy(path, full / path.name)
            line = f"{scenario.name}: {path.stat().st_size} bytes"
            if not any(records(path)):
                raise LabError(f"{scenario.name}: nothing captured")
            if small:
                count = shorten(path, small / path.name, scenario.packets)
                size = (small / path.name).stat().st_size
                rows.append(f"| {path.name} | {count} | {size} | {scenario.about} |")
                line += f", small: {count} packets, {size} bytes"
            print(line, flush=True)
    if small:
        (small / "README.md").write_text(README + "\n".join(rows) + "\n")


README = f"""# Captures made by the lab

Written by `tests/lab/make_captures.py DIR tests/pcap`: real programs in network namespaces, seen on
the router's br-lan (Ethernet, no VLAN), the first {PACKETS_PER_FLOW} packets of each flow or fewer.
Clients are 192.168.71.10, .11 and fd71::10, ::11. Every other address is a documentation address
of `tests/lab/world.py`; no packet came from or went to the outside.

| file | packets | bytes | what |
|---|---:|---:|---|
"""

if __name__ == "__main__":
    main()
