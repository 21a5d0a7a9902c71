"""The laboratory's own swarm: one namespace per peer, real trackers, and each real client.

    LAN clients -- br-lan  router  wan0 -- net0  internet  sw -- eth0 of every peer and tracker

Every address on the Internet side has one purpose, so a flow's other end alone says what it is.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import torrent
from lab import CLIENTS, INTERNET, ROUTER_WAN, Lab, LabError, wait_for
from world import HERE, PYTHON

# The last part of 198.51.100.N and 2001:db8:51::N; all that is sent to them is BitTorrent.
PEERS = {f"peer{number}": 70 + number for number in range(1, 7)}
TRACKERS = {"opentracker": 60, "tracker": 61}
OTHERS = {"dns": 53, "https-tracker": 62, "server": 40}
GATEWAY = 1
TRACKER_PORT = 6969
HTTPS_PORT = 443
HTTPS_TRACKER = "files.lab.example"  # a name that says nothing
PEER_PORT = 6881
FORWARDED_PORT = 51413
LSD_GROUPS = ("239.192.152.143", "ff15::efc0:988f")  # BEP 14
NO_TRACKER = "http://127.0.0.1:9/announce"  # rtorrent wants one; this leaves no trace on a wire
LIMIT = 500_000  # bytes per second for each downloader: flows last some seconds
WEB_PORT = 8080  # of qbittorrent's interface, inside its own namespace


def number_of(place):
    return {**PEERS, **TRACKERS, **OTHERS}[place]


def address_of(place, family="v4"):
    if place in CLIENTS:
        return CLIENTS[place][family == "v6"]
    net = "198.51.100." if family == "v4" else "2001:db8:51::"
    return f"{net}{number_of(place)}"


def endpoint(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass
class Torrent:
    """A payload, its .torrent file and magnet link."""

    name: str
    path: Path
    info_hash: str
    payload: Path
    trackers: list

    @property
    def magnet(self):
        tail = "".join(f"&tr={url}" for url in self.trackers)
        return f"magnet:?xt=urn:btih:{self.info_hash}&dn={self.name}{tail}"


@dataclass
class Wish:
    """How a client is to behave."""

    crypt: str = "plain"  # or "forced"; libtorrent also "mixed": forced outward, either inward
    transport: str = "tcp"  # or "utp"
    family: str = "v4"
    port: int = PEER_PORT
    dht: str = None  # HOST:PORT of a node; "" to be the first
    pex: bool = True
    lsd: bool = False
    magnet: bool = False
    limit: int = LIMIT
    connect: list = field(default_factory=list)  # HOST:PORT of peers given by hand

    @property
    def forced(self):
        return self.crypt == "forced"


@dataclass
class Downloader:
    """A client that downloads, and where to."""

    kind: str
    where: str
    process: object
    folder: Path
    torrents: list

    def complete(self):
        """Whether every payload is there and right."""
        for wanted in self.torrents:
            got = self.folder / wanted.payload.name
            if not got.exists() or got.read_bytes() != wanted.payload.read_bytes():
                return False
        return True


class SwarmLab(Lab):
    """The router and its LAN as in lab.py; behind it a switch with a namespace for every peer."""

    def __init__(self, keep=None):
        super().__init__(prefix="bl")
        self.keep = keep

    def __exit__(self, *error):
        if self.keep:  # without the payloads
            self.keep.mkdir(parents=True, exist_ok=True)
            for path in [*self.scratch.glob("*.pcap"), *self.scratch.glob("*.log")]:
                shutil.copy(path, self.keep)
        super().__exit__(*error)

    def build_swarm(self):
        """Everything but the peers, which come with `place`; br-lan is up."""
        self.build([address_of("dns"), address_of("dns", "v6")])
        self.run("internet", "ip", "link", "add", "sw", "type", "bridge", "forward_delay", "0",
                 "mcast_snooping", "0")  # fmt: skip
        self.run("internet", "ip", "link", "set", "sw", "up")
        self._addresses("internet", "sw", f"198.51.100.{GATEWAY}/24", f"2001:db8:51::{GATEWAY}/64")
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]:
            self.run("internet", "sysctl", "-qw", f"{key}=1")
        self.bridge_up()

    def place(self, name):
        """A namespace on the Internet side."""
        if self.netns(name) in self.names:
            return
        self._namespace(name, [address_of("dns")])
        port = f"p{number_of(name)}"
        self._veth("internet", port, name, "eth0")
        self.run("internet", "ip", "link", "set", port, "master", "sw")
        self._addresses(name, "eth0", f"{address_of(name)}/24", f"{address_of(name, 'v6')}/64")
        self._default_routes(name, [f"198.51.100.{GATEWAY}", f"2001:db8:51::{GATEWAY}"])

    def give(self, place, addresses):
        """More addresses for a place that has one."""
        for address in addresses:
            self._addresses(place, "eth0", f"{address}/24")

    def forward_port(self, client, port):
        """Port forwarding as a router's owner sets it up, and for IPv6 nothing is needed."""
        for protocol in ("tcp", "udp"):
            self.run("router", "iptables", "-t", "nat", "-A", "PREROUTING", "-i", "wan0", "-p",
                     protocol, "--dport", port, "-j", "DNAT", "--to-destination",
                     f"{CLIENTS[client][0]}:{port}")  # fmt: skip


class SwarmWorld:
    """What a mode can ask for: torrents, trackers, seeders and downloaders."""

    def __init__(self, lab):
        self.lab = lab
        self.torrents, self.downloaders, self.seeders = [], [], []
        self.count = 0
        self.trackers_up = set()

    # -- torrents and trackers ---------------------------------------------------------------

    def folder(self, name):
        path = self.lab.scratch / name
        path.mkdir()
        path.chmod(0o777)
        return path

    def torrent(self, name, size, *trackers):
        """A torrent; `trackers` are SCHEME:FAMILY of ours, or `https`."""
        urls = [self.tracker_url(tracker) for tracker in trackers] or [NO_TRACKER]
        home = self.folder(f"{name}-payload")
        path, info_hash = torrent.make(home, f"{name}.bin", size, urls[0])
        made = Torrent(name, path, info_hash, home / f"{name}.bin", urls)
        self.torrents.append(made)
        return made

    def tracker_url(self, tracker):
        """opentracker serves IPv4, Debian's build knows no IPv6; that is for tracker.py."""
        if tracker == "https":
            return f"https://{HTTPS_TRACKER}:{HTTPS_PORT}/announce"
        scheme, family = tracker.split(":")
        place = "opentracker" if family == "v4" else "tracker"
        return f"{scheme}://{endpoint(address_of(place, family), TRACKER_PORT)}/announce"

    def start_trackers(self):
        """Those that the torrents name; opentracker serves the info hashes on its list only."""
        wanted = {url for made in self.torrents for url in made.trackers}
        if any("https://" in url for url in wanted):
            self._https_tracker()
        if any(address_of("opentracker") in url for url in wanted):
            self.lab.place("opentracker")
            home = self.folder("opentracker")
            hashes = "".join(f"{made.info_hash}\n" for made in self.torrents)
            (home / "whitelist").write_text(hashes)
            (home / "whitelist").chmod(0o644)
            host = address_of("opentracker")
            self.lab.spawn(
                "opentracker", "opentracker", "opentracker", "-i", host, "-p", TRACKER_PORT, "-P",
                TRACKER_PORT, "-d", home, "-w", "whitelist",
            )  # fmt: skip
            self.trackers_up.add("opentracker")
            wait_for("opentracker answers", lambda: self.scrape(self.torrents[0]) is not None)
        if any(address_of("tracker", "v6") in url for url in wanted):
            self.lab.place("tracker")
            self.server("tracker", "tracker", PYTHON, HERE / "tracker.py", TRACKER_PORT,
                        address_of("tracker", "v6"))  # fmt: skip

    def _https_tracker(self):
        lab = self.lab
        lab.place("dns")
        lab.place("https-tracker")
        key, certificate = lab.scratch / "key.pem", lab.scratch / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=lab.example", "-addext", f"subjectAltName=DNS:{HTTPS_TRACKER}", "-keyout", key,
             "-out", certificate], check=True, capture_output=True,
        )  # fmt: skip
        self.server("dns", "dns", PYTHON, HERE / "dns_server.py", address_of("dns"), "--",
                    f"{HTTPS_TRACKER}={address_of('https-tracker')}")  # fmt: skip
        self.server(
            "https-tracker",
            "https-tracker",
            PYTHON,
            HERE / "tracker.py",
            HTTPS_PORT,
            address_of("https-tracker"),
            env={"TRACKER_CERTIFICATE": str(certificate), "TRACKER_KEY": str(key)},
        )

    def server(self, where, name, *argv, env=None):
        process = self.lab.spawn(where, name, *argv, env=env)
        wait_for(f"{name} is ready", lambda: "ready" in process.output() or not process.running())
        if not process.running():
            raise LabError(f"{name} ended: {process.output()}")
        return process

    def scrape(self, made):
        """How many seeders opentracker knows, or None while it does not answer."""
        escaped = "".join(f"%{made.info_hash[at : at + 2]}" for at in range(0, 40, 2))
        url = f"http://{address_of('opentracker')}:{TRACKER_PORT}/scrape?info_hash={escaped}"
        found = subprocess.run(
            ["ip", "netns", "exec", self.lab.netns("opentracker"), "curl", "-sS", "-m", "2",
             "--noproxy", "*", url], capture_output=True,
        )  # fmt: skip
        if found.returncode:
            return None
        _, mark, tail = found.stdout.partition(b"8:completei")
        return int(tail.partition(b"e")[0]) if mark else 0

    def wait_seeders(self, count, seconds=60):
        """A downloader that asked the tracker before the seeders did would wait for minutes."""
        for made in self.torrents:
            if "opentracker" in self.trackers_up:
                done = lambda m=made: (self.scrape(m) or 0) >= count  # noqa: E731
            else:
                seen = [log for log in self.lab.scratch.glob("*tracker.log")]
                done = lambda m=made, s=seen: sum(  # noqa: E731
                    len({line.split()[1] for line in log.read_text().splitlines()
                         if line.startswith(m.info_hash[:8])}) for log in s
                ) >= count  # fmt: skip
            wait_for(f"{count} seeders of {made.name} announce", done, seconds)

    # -- clients -----------------------------------------------------------------------------

    def seed(self, kind, where, wish, torrents=None):
        """A seeder with a copy of the payloads of its own."""
        if where not in CLIENTS:
            self.lab.place(where)
        self.count += 1
        folder = self.folder(f"seed-{self.count}")
        torrents = torrents or self.torrents
        for made in torrents:
            shutil.copy(made.payload, folder)
        wish = replace(wish, magnet=False)  # what is there already needs no metadata
        process = getattr(self, kind)(where, folder, torrents, wish, True)
        self.seeders.append((kind, where, process))
        return process

    def download(self, kind, where, wish, torrents=None):
        if where not in CLIENTS:
            self.lab.place(where)
        self.count += 1
        folder = self.folder(f"download-{self.count}")
        torrents = torrents or self.torrents
        process = getattr(self, kind)(where, folder, torrents, wish, False)
        made = Downloader(kind, where, process, folder, torrents)
        self.downloaders.append(made)
        return made

    def _spawn(self, where, kind, *argv, env=None):
        return self.lab.spawn(where, f"{where}-{kind}-{self.count}", *argv, env=env)

    def libtorrent(self, where, folder, torrents, wish, _seeds):
        names = [made.magnet if wish.magnet else made.path for made in torrents]
        host = address_of(where, wish.family)
        argv = [PYTHON, HERE / "bt_peer.py", names[0], folder, "--listen",
                endpoint(host, wish.port), "--transport", wish.transport,
                "--limit", wish.limit]  # fmt: skip
        for name in names[1:]:
            argv += ["--more", name]
        for peer in wish.connect:
            argv += ["--connect", peer]
        if wish.dht is not None:
            argv += ["--dht"] + ([wish.dht] if wish.dht else [])
        argv += {"forced": ["--encrypted"], "mixed": ["--mixed"]}.get(wish.crypt, [])
        argv += ["--lsd"] if wish.lsd else []
        argv += [] if wish.pex else ["--no-pex"]
        return self._spawn(where, "libtorrent", *argv)

    def transmission(self, where, folder, torrents, wish, _seeds):
        """transmission-daemon; it speaks TCP whatever it is told, and uTP too if wished."""
        home, watched = self.folder(f"transmission-{self.count}"), self.folder(f"w-{self.count}")
        settings = {
            "bind-address-ipv4": address_of(where) if wish.family == "v4" else "127.0.0.1",
            "bind-address-ipv6": address_of(where, "v6") if wish.family == "v6" else "::1",
            "peer-port": wish.port,
            "encryption": 2 if wish.forced else 0,
            "dht-enabled": wish.dht is not None,
            "pex-enabled": wish.pex,
            "lpd-enabled": wish.lsd,
            "port-forwarding-enabled": False,
            "utp-enabled": wish.transport == "utp",
            "speed-limit-down": wish.limit // 1000,
            "speed-limit-down-enabled": bool(wish.limit),
            "download-dir": str(folder),
            "watch-dir": str(watched),
            "watch-dir-enabled": True,
            "rpc-enabled": False,
        }
        (home / "settings.json").write_text(json.dumps(settings))
        if wish.dht:
            (home / "dht.bootstrap").write_text(wish.dht.replace(":", " ") + "\n")
        for made in torrents:
            shutil.copy(made.path, watched)
        return self._spawn(
            where, "transmission", "transmission-daemon", "--foreground", "--config-dir", home
        )

    def aria2(self, where, folder, torrents, wish, seeds):
        """aria2c; as initiator it tries MSE first unless the other side's plain is required."""
        node = [f"--dht-entry-point={wish.dht}"] if wish.dht else []
        return self._spawn(
            where, "aria2", "aria2c", "--no-conf", "--enable-dht6=false", "--async-dns=false",
            f"--enable-dht={'true' if wish.dht is not None else 'false'}", *node,
            f"--dht-listen-port={wish.port}", f"--dht-file-path={self.lab.scratch}/{where}.dht",
            f"--bt-enable-lpd={'true' if wish.lsd else 'false'}",
            f"--bt-force-encryption={'true' if wish.forced else 'false'}",
            "--file-allocation=none", "--summary-interval=2", "--bt-tracker-interval=20",
            f"--enable-peer-exchange={'true' if wish.pex else 'false'}",
            f"--listen-port={wish.port}", "-d", folder, "-j", len(torrents),
            *(["--check-integrity=true", "--seed-ratio=0.0"] if seeds else ["--seed-time=10"]),
            f"--max-overall-download-limit={wish.limit}",
            *(made.magnet if wish.magnet else made.path for made in torrents),
        )  # fmt: skip

    def rtorrent(self, where, folder, torrents, wish, _seeds):
        """rtorrent knows TCP only."""
        crypt = "allow_incoming,require,require_RC4" if wish.forced else "none"
        rc = self.lab.scratch / f"rtorrent-{self.count}.rc"
        rc.write_text(
            f"network.port_range.set = {wish.port}-{wish.port}\nnetwork.port_random.set = no\n"
            f"directory.default.set = {folder}\nprotocol.encryption.set = {crypt}\n"
            f"protocol.pex.set = {'yes' if wish.pex else 'no'}\n"
            f"dht.mode.set = {'on' if wish.dht is not None else 'disable'}\n"
            f"dht.port.set = {wish.port}\n"
            f"throttle.global_down.max_rate.set_kb = {wish.limit // 1000}\n"
            "method.set_key = event.download.hash_done, lab, "
            f'"execute.nothrow=touch,{self.lab.scratch}/{where}-checked"\n'
        )
        return self._spawn(
            where, "rtorrent", "rtorrent", "-n", "-o", "system.daemon.set=true", "-o",
            f"import={rc}", *(made.path for made in torrents),
            env={"HOME": str(folder), "TERM": "dumb"},
        )  # fmt: skip

    def qbittorrent(self, where, folder, torrents, wish, _seeds):
        """qbittorrent-nox, told what to do through its Web API."""
        profile = self.folder(f"qbittorrent-{self.count}")
        config = profile / "qBittorrent" / "config"
        config.mkdir(parents=True)
        yes = {True: "true", False: "false"}
        (config / "qBittorrent.conf").write_text(
            "[LegalNotice]\nAccepted=true\n"
            "[Network]\nPortForwardingEnabled=false\n"
            "[Preferences]\nWebUI\\Enabled=true\nWebUI\\LocalHostAuth=false\n"
            f"WebUI\\Address=127.0.0.1\nWebUI\\Port={WEB_PORT}\nWebUI\\UseUPnP=false\n"
            f"[BitTorrent]\nSession\\Port={wish.port}\n"
            f"Session\\Encryption={1 if wish.forced else 2}\n"
            f"Session\\BTProtocol={'UTP' if wish.transport == 'utp' else 'TCP'}\n"
            f"Session\\DHTEnabled={yes[wish.dht is not None]}\n"
            f"Session\\LSDEnabled={yes[wish.lsd]}\nSession\\PeXEnabled={yes[wish.pex]}\n"
            "Session\\ValidateHTTPSTrackerCertificate=false\n"
            "Session\\SSRFMitigation=false\nSession\\MultiConnectionsPerIp=true\n"
            f"Session\\GlobalDLSpeedLimit={wish.limit // 1024}\n"
            f"Session\\DefaultSavePath={folder}\n"
        )
        process = self._spawn(
            where, "qbittorrent", "qbittorrent-nox", f"--profile={profile}",
            env={"HOME": str(profile), "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
        wait_for("qbittorrent's Web API answers", lambda: self.web(where, "app/version"), 40)
        for made in torrents:
            what = f"urls={made.magnet}" if wish.magnet else f"torrents=@{made.path}"
            self.web(where, "torrents/add", "--form-string" if wish.magnet else "-F", what, "-F",
                     f"savepath={folder}")  # fmt: skip
            if wish.connect:
                data = f"hashes={made.info_hash}&peers={'|'.join(wish.connect)}"
                wait_for("qbittorrent takes peers",
                         lambda d=data: self.web(where, "torrents/addPeers", "-d", d))  # fmt: skip
        return process

    def listens(self, where):
        return f":{PEER_PORT} " in self.lab.run(where, "ss", "-lntu")

    def seeding(self, kind, where, process):
        """Whether a seeder has looked through its payload, as far as it lets us know."""
        if kind == "libtorrent":
            return "seeding" in process.output()
        if kind == "qbittorrent":
            found = json.loads(self.web(where, "torrents/info") or "[]")
            return found and all(entry["state"].endswith("UP") for entry in found)
        if kind == "rtorrent":
            return (self.lab.scratch / f"{where}-checked").exists()
        if kind == "transmission":
            return "Verifying torrent" in process.output()
        return "[SEEDING]" in process.output() or "SEED(" in process.output()

    def web(self, where, call, *options):
        """A call of qbittorrent's Web API; its answer, or "" while there is none."""
        url = f"http://127.0.0.1:{WEB_PORT}/api/v2/{call}"
        return self.lab.run(where, "curl", "-sSf", "-m", "5", "--noproxy", "*", *options, url,
                            check=False)  # fmt: skip


def bittorrent_addresses():
    """Address -> what it is; everything sent to or from them over the router is BitTorrent.

    The router's own public address is one of them: two peers of one home learn of each other by it.
    """
    known = {address_of(place, family): place for place in [*PEERS, *TRACKERS]
             for family in ("v4", "v6")}  # fmt: skip
    known.update(dict.fromkeys(LSD_GROUPS, "local peer discovery"))
    return {**known, ROUTER_WAN[0]: "own public address", INTERNET[0]: "gateway"}
