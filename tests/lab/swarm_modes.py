"""The modes of the swarm laboratory: who takes part, and what an observer gets to see."""

import signal
from dataclasses import dataclass, replace
from typing import Callable

from lab import wait_for
from swarm_world import (
    FORWARDED_PORT,
    LIMIT,
    PEER_PORT,
    Wish,
    address_of,
    endpoint,
)

CONTENT = "content"  # each flow shows what it is
SWARM = "swarm"  # encrypted, but a tracker, the DHT or PEX tells the peers in the clear
ALONE = "alone"  # encrypted, and nothing else is to be seen
LONE = "lone"  # the same, with one or two peers: may honestly stay unknown
SIZE = 4_000_000
SMALL = 1_500_000
FINISH_S = 150
# Seeders for modes over TCP: every client there is.
ALL_TCP = ["libtorrent", "transmission", "rtorrent", "qbittorrent", "aria2"]


@dataclass
class Mode:
    """A scenario, and what must be true of its traffic for the measurement to mean anything."""

    name: str
    kind: str
    act: Callable
    about: str
    peers: int = 3  # peers that must have exchanged payload
    handshake: bool = None  # whether the capture shows a plain handshake; None: either
    set_test: bool = False  # also: the set holds every peer, a rule marks the bytes


def finish(swarm):
    """Every download is complete and right."""
    for made in swarm.downloaders:
        wait_for(f"{made.kind} on {made.where} completes", made.complete, FINISH_S)


def seeds(swarm, wish, kinds, announced=True):
    for number, kind in enumerate(kinds, 1):
        swarm.seed(kind, f"peer{number}", wish)
    if announced:
        swarm.wait_seeders(len(kinds))


def tracked(tracker, wish, kinds, leeches, size=SIZE, count=1):
    """Seeders of these kinds, and a LAN downloader on client1 and client2, by a tracker."""

    def act(swarm):
        for number in range(count):
            swarm.torrent(f"payload-{number}", size, tracker)
        swarm.start_trackers()
        seeds(swarm, wish, kinds)
        for where, kind in zip(("client1", "client2"), leeches):
            swarm.download(kind, where, wish)
        finish(swarm)

    return act


def alone(wish, kinds, leeches, size=SIZE):
    """No tracker, no DHT: the peers are given by hand, to each downloader others.

    Two of one home in the same swarm have one public address, and many peers take one connection
    of an address: that would fill the table with connections refused at once.
    """

    def act(swarm):
        swarm.torrent("payload", size)
        quiet = replace(wish, pex=False)
        seeds(swarm, quiet, kinds, announced=False)
        ready(swarm)
        hands = [endpoint(address_of(f"peer{n}", wish.family), wish.port)
                 for n in range(1, len(kinds) + 1)]  # fmt: skip
        for number, kind in enumerate(leeches):
            own = hands[number :: len(leeches)]
            swarm.download(kind, f"client{number + 1}", replace(quiet, connect=own))
        finish(swarm)

    return act


def ready(swarm):
    """Each seeder listens and seeds: one that refuses a peer given by hand is not asked again."""
    for kind, where, process in swarm.seeders:
        wait_for(f"{kind} on {where} listens", lambda w=where: swarm.listens(w), 30)
        wait_for(f"{kind} on {where} seeds",
                 lambda k=kind, w=where, p=process: swarm.seeding(k, w, p), 30)  # fmt: skip


def https_tracker(swarm):
    swarm.torrent("payload", SIZE, "https")
    swarm.start_trackers()
    wish = Wish(crypt="forced")
    kinds = ["libtorrent", "qbittorrent", "libtorrent", "qbittorrent"]
    seeds(swarm, wish, kinds)
    swarm.download("libtorrent", "client1", wish)
    swarm.download("qbittorrent", "client2", wish)
    finish(swarm)


def dht(crypt, kinds, leeches):
    """Peers are found by the DHT only; its first node has no torrent."""

    def act(swarm):
        made = swarm.torrent("payload", SIZE)
        node = endpoint(address_of("peer6"), PEER_PORT)
        other = swarm.torrent("nothing", 100_000)
        swarm.seed("libtorrent", "peer6", Wish(crypt=crypt, dht=""), [other])
        swarm.torrents = [made]
        wish = Wish(crypt=crypt, dht=node)
        seeds(swarm, wish, kinds, announced=False)
        ready(swarm)
        for where, kind in zip(("client1", "client2"), leeches):
            swarm.download(kind, where, wish)
        finish(swarm)

    return act


def pex(swarm):
    """One plain peer given by hand tells of the others, which demand encryption."""
    swarm.torrent("payload", SIZE)
    hub = endpoint(address_of("peer1"), PEER_PORT)
    others = [endpoint(address_of(f"peer{n}"), PEER_PORT) for n in (2, 3, 4)]
    # Seeders that knew of each other would call the hub, whose PEX then tells a port that no one
    # listens on; without PEX of their own they wait to be called.
    forced = Wish(crypt="forced", pex=False)
    for number, kind in enumerate(["libtorrent", "transmission", "libtorrent"], 2):
        swarm.seed(kind, f"peer{number}", forced)
    ready(swarm)
    # The hub downloads slowly: two seeders part at once, and PEX tells of living connections.
    swarm.download("libtorrent", "peer1", Wish(crypt="mixed", limit=5000, connect=others))
    hub_peer = swarm.downloaders.pop()
    wait_for("the hub has its peers", lambda: ", 3 peers" in hub_peer.process.output(), 30)
    made = swarm.download("libtorrent", "client1", Wish(connect=[hub]))
    wait_for("the hub is connected", lambda: ", 1 peers" in made.process.output(), 20)
    made.process.signal(signal.SIGUSR2)
    finish(swarm)


def inbound(crypt):
    """client1 seeds behind port forwarding; the downloaders are on the Internet."""

    def act(swarm):
        swarm.torrent("payload", SIZE, "http:v4")
        swarm.start_trackers()
        swarm.lab.forward_port("client1", FORWARDED_PORT)
        seeder = "transmission" if crypt == "plain" else "libtorrent"
        swarm.seed(seeder, "client1", Wish(crypt=crypt, port=FORWARDED_PORT))
        swarm.wait_seeders(1)
        for number, kind in enumerate(["libtorrent", "rtorrent", "qbittorrent"], 1):
            swarm.download(kind, f"peer{number}", Wish(crypt=crypt, limit=LIMIT // 2))
        finish(swarm)

    return act


def lsd(swarm):
    """Two of one home find each other; their flow stays inside, the datagrams are multicast."""
    swarm.torrent("payload", SMALL)
    swarm.seed("libtorrent", "client1", Wish(lsd=True))
    swarm.download("transmission", "client2", Wish(lsd=True))
    finish(swarm)


FORCED = Wish(crypt="forced")
UTP, UTP_FORCED = Wish(transport="utp"), Wish(crypt="forced", transport="utp")
PLAIN6, FORCED6 = Wish(family="v6"), Wish(crypt="forced", family="v6")
UTP6 = Wish(family="v6", transport="utp")
UTP_KINDS = ["libtorrent", "transmission", "qbittorrent", "libtorrent"]
UTP_SIX = [*UTP_KINDS, "libtorrent", "libtorrent"]

MODES = {mode.name: mode for mode in [
    Mode("tcp-http", CONTENT, tracked("http:v4", Wish(), ALL_TCP[:4],
                                      ["libtorrent", "rtorrent"]),
         "plain TCP, HTTP tracker", handshake=True),
    Mode("tcp-udp", CONTENT, tracked("udp:v4", Wish(), ["libtorrent", "rtorrent", "qbittorrent"],
                                     ["transmission", "libtorrent"]),
         "plain TCP, UDP tracker", handshake=True),
    Mode("mse-http", SWARM, tracked("http:v4", FORCED, ALL_TCP, ["libtorrent", "aria2"]),
         "encryption forced, TCP, HTTP tracker; the set test", peers=5, handshake=False,
         set_test=True),
    Mode("mse-udp", SWARM, tracked("udp:v4", FORCED, ["transmission", "rtorrent", "libtorrent"],
                                   ["qbittorrent", "transmission"]),
         "encryption forced, TCP, UDP tracker", handshake=False),
    Mode("mse-https", ALONE, https_tracker,
         "encryption forced, TCP, the tracker speaks HTTPS", peers=4, handshake=False),
    Mode("mse-alone", ALONE, alone(FORCED, [*ALL_TCP, "libtorrent"],
                                   ["libtorrent", "qbittorrent"]),
         # Of six one may refuse: qbittorrent does when it is called before it is quite ready.
         "encryption forced, TCP, three peers given by hand to each of two hosts", peers=5,
         handshake=False),
    Mode("mse-lone", LONE, alone(FORCED, ["libtorrent", "transmission", "qbittorrent"],
                                 ["libtorrent", "qbittorrent"]),
         "encryption forced, TCP, two peers given to one host and one to another; no bar",
         handshake=False),
    Mode("utp", CONTENT, alone(UTP, UTP_SIX, ["libtorrent", "qbittorrent"]),
         "uTP only, plain, peers given by hand", handshake=True),
    Mode("utp-mse-udp", SWARM, tracked("udp:v4", UTP_FORCED, UTP_KINDS,
                                       ["libtorrent", "qbittorrent"]),
         "uTP only, encryption forced, UDP tracker", handshake=False),
    Mode("utp-mse-alone", ALONE, alone(UTP_FORCED, UTP_SIX, ["libtorrent", "qbittorrent"]),
         "uTP only, encryption forced, peers given by hand", handshake=False),
    Mode("dht", CONTENT, dht("plain", ["libtorrent", "libtorrent", "libtorrent"],
                             ["libtorrent", "libtorrent"]),
         "DHT only, plain peers", handshake=True),
    Mode("dht-mse", SWARM, dht("forced", ["libtorrent", "libtorrent", "libtorrent"],
                               ["libtorrent", "aria2"]),
         "DHT only, encryption forced", handshake=False),
    Mode("magnet", CONTENT, tracked("http:v4", Wish(magnet=True), ALL_TCP[:1] * 3,
                                    ["libtorrent", "qbittorrent"]),
         "magnet link, metadata from plain peers", handshake=True),
    # Two that it tells of are enough: the hub may lose one before it tells.
    Mode("pex-mse", SWARM, pex, "one plain peer tells by PEX of others that demand encryption",
         peers=3, handshake=True),
    Mode("ipv6", CONTENT, tracked("http:v6", PLAIN6, ["libtorrent", "qbittorrent", "libtorrent"],
                                  ["libtorrent", "qbittorrent"]),
         "IPv6, plain TCP, HTTP tracker", handshake=True),
    Mode("ipv6-utp", CONTENT, alone(UTP6, ["libtorrent"] * 3, ["libtorrent"]),
         "IPv6, plain uTP, peers given by hand", handshake=True),
    Mode("ipv6-mse", SWARM, tracked("udp:v6", FORCED6, ["libtorrent", "qbittorrent", "libtorrent"],
                                    ["libtorrent", "qbittorrent"]),
         "IPv6, encryption forced, UDP tracker", handshake=False),
    Mode("lsd", CONTENT, lsd, "local peer discovery; the peers' own flow stays inside and is not "
         "counted", peers=0),
    Mode("inbound", CONTENT, inbound("plain"),
         "seeding behind port forwarding, plain TCP, HTTP tracker", handshake=True),
    Mode("inbound-mse", SWARM, inbound("forced"),
         "seeding behind port forwarding, encryption forced, HTTP tracker", handshake=False),
    Mode("several", CONTENT, tracked("udp:v4", Wish(), ["libtorrent", "transmission",
                                                        "qbittorrent"],
                                     ["libtorrent", "transmission"], SMALL, 3),
         "three torrents at once, plain TCP, UDP tracker", handshake=True),
    Mode("several-mse", SWARM, tracked("http:v4", FORCED, ["libtorrent", "transmission",
                                                           "qbittorrent"],
                                       ["libtorrent", "aria2"], SMALL, 3),
         "three torrents at once, encryption forced, HTTP tracker", handshake=False),
]}  # fmt: skip
SHORT = ["tcp-http", "ipv6-utp", "inbound"]
