"""Who lives at which address, and how the programs of the lab are started.

Every service has an address of its own, so that a flow's other end alone says what it belongs to.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import torrent
from lab import LabError, wait_for

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = "/usr/bin/python3"  # Debian's own, which has python3-libtorrent
VENV = ROOT / "target" / "lab-venv"

# The last part of 198.51.100.N and 2001:db8:51::N.
PLACES = {
    "dns": 53,
    "youtube": 10,
    "facebook": 20,
    "instagram": 21,
    "twitter": 30,
    "plain": 40,
    "tracker": 60,
    "seeder-tcp": 71,
    "seeder-utp": 72,
    "seeder-transmission": 73,
}
HOSTS = {
    "www.youtube.com": "youtube",
    "www.facebook.com": "facebook",
    "www.instagram.com": "instagram",
    "twitter.com": "twitter",
    "www.example.org": "plain",
}
TRACKER_PORT = 6969
PEER_PORT = 6881


def v4(place):
    return f"198.51.100.{PLACES[place]}"


def v6(place):
    return f"2001:db8:51::{PLACES[place]}"


def address(place, family):
    return v4(place) if family == "v4" else v6(place)


def places():
    """Address -> name of the place."""
    return {address(place, family): place for place in PLACES for family in ("v4", "v6")}


def tracker_url(scheme, family):
    """A tracker whose name has one address family only, which decides that of the swarm."""
    return f"{scheme}://tracker-{family}.lab.example:{TRACKER_PORT}/announce"


def endpoint(place, family, port=PEER_PORT):
    host = address(place, family)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quic_python():
    """The Python that has aioquic and curl_cffi; makes its environment on first use."""
    python = VENV / "bin" / "python3"
    stamp = VENV / "complete"
    wanted = (HERE / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([PYTHON, "-m", "venv", "--clear", VENV], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return python


class Swarm(namedtuple("Swarm", "name torrent info_hash seed download")):
    """One torrent, its seeder's folder and its downloader's."""

    def complete(self):
        """Whether the download is all there and right."""
        wanted, got = (folder / f"{self.name}.bin" for folder in (self.seed, self.download))
        return got.exists() and got.read_bytes() == wanted.read_bytes()


class World:
    """The servers of a lab, and what a client of it can do."""

    def __init__(self, lab):
        self.lab = lab
        self.count = 0

    def start(self):
        """Builds the network without br-lan and starts names, web, QUIC and trackers."""
        python = quic_python()
        lab = self.lab
        lab.build([v4("dns"), v6("dns")])
        lab.give_internet(list(places()))
        key, certificate = lab.scratch / "key.pem", lab.scratch / "certificate.pem"
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=lab.example", "-addext", f"subjectAltName={names}", "-keyout", key, "-out",
             certificate], check=True, capture_output=True,
        )  # fmt: skip
        table = [f"{host}={v4(place)},{v6(place)}" for host, place in HOSTS.items()]
        table += [f"tracker-{family}.lab.example={address('tracker', family)}"
                  for family in ("v4", "v6")]  # fmt: skip
        self.server("dns", PYTHON, HERE / "dns_server.py", v4("dns"), v6("dns"), "--", *table)
        self.server("web", PYTHON, HERE / "web_server.py", certificate, key)
        self.tracker = self.server(
            "tracker", PYTHON, HERE / "tracker.py", TRACKER_PORT, v4("tracker"), v6("tracker")
        )
        quic = [
            address(place, family) for place in ("youtube", "instagram") for family in ("v4", "v6")
        ]
        self.server("quic", python, HERE / "quic_peer.py", "server", certificate, key, *quic)

    def server(self, name, *argv):
        process = self.lab.spawn("internet", name, *argv)
        wait_for(f"{name} is ready", lambda: "ready" in process.output() or not process.running())
        if not process.running():
            raise LabError(f"{name} ended: {process.output()}")
        return process

    def client(self, where, kind, *argv, env=None):
        """Starts a client program under a name of its own."""
        self.count += 1
        return self.lab.spawn(where, f"{where}-{kind}-{self.count}", *argv, env=env)

    # -- web ---------------------------------------------------------------------------------

    def tls(self, where, host, family, seconds=120):
        """curl holds an HTTPS request to HOST open."""
        flag = "-4" if family == "v4" else "-6"
        return self.client(
            where, "curl", "curl", "-sSNk", flag, f"https://{host}/hold?seconds={seconds}"
        )

    def http(self, where, host, family, seconds=120):
        """The same without TLS."""
        flag = "-4" if family == "v4" else "-6"
        return self.client(
            where, "curl", "curl", "-sSN", flag, f"http://{host}/hold?seconds={seconds}"
        )

    def quic(self, where, host, family, seconds=120):
        """aioquic holds an HTTP/3 request to HOST open."""
        peer = HERE / "quic_peer.py"
        return self.client(where, "quic", quic_python(), peer, "client", host, family[1], seconds)

    # -- BitTorrent --------------------------------------------------------------------------

    def folder(self, name):
        path = self.lab.scratch / name
        path.mkdir()
        path.chmod(0o777)
        return path

    def swarm(self, name, size, tracker=None):
        """A payload in a folder of its own, an empty folder to download to, and the torrent."""
        seed = self.folder(f"{name}-seed")
        path, info_hash = torrent.make(seed, f"{name}.bin", size, tracker)
        return Swarm(name, path, info_hash, seed, self.folder(f"{name}-download"))

    def wait_announced(self, swarm, place, family):
        """A downloader that asks the tracker before the seeder did would wait for minutes."""
        line = f"{swarm.info_hash[:8]} {address(place, family)} "
        wait_for(f"the seeder of {swarm.name} announces", lambda: line in self.tracker.output(), 30)

    def peer(self, where, torrent_path, folder, listen, *options):
        """A libtorrent peer; see bt_peer.py for the options."""
        argv = [PYTHON, HERE / "bt_peer.py", torrent_path, folder, "--listen", listen, *options]
        return self.client(where, "libtorrent", *argv)

    def seed_by_transmission(self, swarm):
        """transmission-daemon as a seeder, IPv4, plain connections preferred."""
        home, watched = self.folder("transmission"), self.folder("transmission-watch")
        settings = {
            "bind-address-ipv4": v4("seeder-transmission"),
            "bind-address-ipv6": "::1",
            "peer-port": PEER_PORT,
            "encryption": 0,
            "dht-enabled": False,
            "lpd-enabled": False,
            "port-forwarding-enabled": False,
            "utp-enabled": False,
            "download-dir": str(swarm.seed),
            "watch-dir": str(watched),
            "watch-dir-enabled": True,
            "rpc-enabled": False,
        }
        (home / "settings.json").write_text(json.dumps(settings))
        shutil.copy(swarm.torrent, watched)  # the daemon renames what it has loaded
        return self.client(
            "internet", "transmission", "transmission-daemon", "--foreground", "--config-dir", home
        )

    def aria2(self, where, swarm, limit):
        """aria2c downloads over TCP; it does not seed afterwards."""
        return self.client(
            where, "aria2", "aria2c", "--no-conf", "--enable-dht=false", "--enable-dht6=false",
            "--bt-enable-lpd=false", "--async-dns=false", "--seed-time=0", "--file-allocation=none",
            "-d", swarm.download,
            f"--listen-port={PEER_PORT}", f"--max-overall-download-limit={limit}",
            "--summary-interval=1", "--bt-tracker-interval=20", "--enable-rpc",
            "--rpc-listen-port=6800", swarm.torrent,
        )  # fmt: skip

    def aria2_lift_limit(self, where):
        """Lets aria2c run at full speed, through its RPC."""
        call = {"jsonrpc": "2.0", "id": "lab", "method": "aria2.changeGlobalOption",
                "params": [{"max-overall-download-limit": "0"}]}  # fmt: skip
        self.lab.run(where, "curl", "-sS", "--noproxy", "*", "-d", json.dumps(call),
                     "http://127.0.0.1:6800/jsonrpc")  # fmt: skip


def need_root():
    if os.geteuid():
        print("skipped: needs root for network namespaces")
        sys.exit(77)
