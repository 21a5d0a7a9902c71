"""Starts the programs of negatives.py; each kind has ports of its own, which tell its flows."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lab import CLIENTS, ROUTER_WAN, LabError, wait_for
from swarm_world import address_of
from world import HERE, PYTHON, quic_python

SERVER = address_of("server")
MANY = [f"198.51.100.{number}" for number in range(100, 120)]  # the server's other addresses
LONE_HOSTS = [f"192.168.71.{number}" for number in range(50, 250)]  # more addresses of client2
TCP, UDP = "21000-21019", "27000-27019"
MSE_MANY, FEW = "23000-23019", "23100-23119"
TLS, TLS_TRAP = "24000-24019", "6881-6885"
TCP6, UDP6 = "28000-28019", "29000-29019"
# TLS on the addresses that the torrent's peers have.
AT_PEER = "24500-24503"
PEERS = [address_of(f"peer{number}") for number in (1, 2, 3)]
INBOUND_TCP, INBOUND_UDP = "25000-25019", "26000-26019"
PATIENCE_S = 120

# Kind -> the ports of the server's side (inbound: of the LAN's side).
PORTS = {
    "random-tcp": TCP, "random-udp": UDP, "random-tcp6": TCP6, "random-udp6": UDP6,
    "mse-many": MSE_MANY, "mse-few": FEW, "tls": TLS, "tls-6881": TLS_TRAP,
    "tls-at-peer": AT_PEER, "shadowsocks": "8388",
    "openvpn-udp": "1194", "openvpn-tcp": "1195", "openvpn-static": "1196",
    "wireguard": "51820", "ssh": "22", "ssh-odd": "40022",
    "iperf3": "5201", "syncthing": "22000",
}  # fmt: skip
INBOUND = {"inbound-tcp": INBOUND_TCP, "inbound-udp": INBOUND_UDP}
KINDS = [*PORTS, *INBOUND, "webrtc"]


def within(port, ports):
    first, _, last = ports.partition("-")
    return int(first) <= port <= int(last or first)


def kind_of(key):
    """Which program made a flow, by its ports; WebRTC has what UDP is left."""
    if key.other_port == 53 or not key.other.startswith(("198.51.100.", "2001:db8:51::")):
        return None
    for kind, ports in INBOUND.items():
        if within(key.local_port, ports):
            return kind
    for kind, ports in PORTS.items():
        if within(key.other_port, ports):
            return kind
    return "webrtc" if key.protocol == "udp" else None


class Programs:
    """All of them, started together and waited for."""

    def __init__(self, lab, context, scale):
        self.lab, self.context, self.scale = lab, context, scale
        self.notes, self.waiting, self.stays = [], [], []
        self.client = CLIENTS["client1"][0]

    def go(self):
        lab = self.lab
        lab.place("server")
        lab.give("server", MANY)
        self.certificate()
        self.noise()
        for start in (self.shadowsocks, self.openvpn, self.wireguard, self.ssh, self.iperf3,
                      self.webrtc, self.syncthing):  # fmt: skip
            try:
                start()
            except (LabError, OSError, subprocess.SubprocessError) as error:
                self.notes.append(f"{start.__name__}: not measured, {str(error)[-300:]}")
        for name, done in self.waiting:
            try:
                wait_for(f"{name} ends", done, PATIENCE_S)
            except LabError as error:
                self.notes.append(f"{name}: {error}")
        for process in self.stays:
            process.stop()

    def spawn(self, where, name, *argv, **how):
        process = self.lab.spawn(where, name, *argv, **how)
        self.stays.append(process)
        return process

    def server(self, where, name, *argv, **how):
        process = self.spawn(where, name, *argv, **how)
        wait_for(f"{name} is ready", lambda: "ready" in process.output() or not process.running())
        if not process.running():
            raise LabError(f"{name} ended: {process.output()}")

    def task(self, where, name, *argv, good="", **how):
        """A program that ends by itself; it is told if it ended badly."""
        process = self.lab.spawn(where, name, *argv, **how)

        def done():
            if process.running():
                return False
            if process.popen.returncode or good not in process.output():
                self.notes.append(f"{name} ended with {process.popen.returncode}: "
                                  f"{process.output()[-300:]}")  # fmt: skip
            return True

        self.waiting.append((name, done))
        return process

    def listens(self, where, port, flags="-lnt"):
        wait_for(f"{where} listens on {port}",
                 lambda: f":{port} " in self.lab.run(where, "ss", flags), 20)  # fmt: skip

    def certificate(self):
        self.key, self.pem = self.lab.scratch / "n-key.pem", self.lab.scratch / "n-cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=negatives.example", "-keyout", self.key, "-out", self.pem], check=True,
            capture_output=True,
        )  # fmt: skip

    # -- made-up dialogues -------------------------------------------------------------------

    def noise(self):
        peer = HERE / "negative_peer.py"
        certificate = ["--certificate", self.pem, "--key", self.key]
        for name, kind, ports, count in [
            ("random-tcp", "tcp", TCP, 400),
            ("random-udp", "udp", UDP, 400),
            ("tls", "tls", TLS, 60),
            ("tls-6881", "tls", TLS_TRAP, 20),
            ("mse-many", "mse", MSE_MANY, 60),
        ]:
            extra = certificate if kind == "tls" else []
            self.server("server", f"{name}-server", PYTHON, peer, "serve", kind, ports, *MANY,
                        *extra)  # fmt: skip
            # Without host context many imitations come from the other client, alone in that.
            source = CLIENTS["client2"][0] if kind == "mse" and not self.context else self.client
            where = "client2" if source != self.client else "client1"
            self.task(where, name, PYTHON, peer, "talk", kind, count * self.scale, ports, "--from",
                      source, "--to", *MANY, good="done")  # fmt: skip
        if self.context:
            for number, address in enumerate(PEERS, 1):
                self.server(f"peer{number}", f"tls-at-peer{number}", PYTHON, peer, "serve", "tls",
                            AT_PEER, address, *certificate)  # fmt: skip
            self.task("client1", "tls-at-peer", PYTHON, peer, "talk", "tls", 40 * self.scale,
                      AT_PEER, "--from", self.client, "--to", *PEERS, good="done")  # fmt: skip
        for name, ports in (("random-tcp6", TCP6), ("random-udp6", UDP6)):
            kind, server = name[7:10], address_of("server", "v6")
            self.server("server", f"{name}-server", PYTHON, peer, "serve", kind, ports, server)
            self.task("client1", name, PYTHON, peer, "talk", kind, 100 * self.scale, ports,
                      "--from", CLIENTS["client1"][1], "--to", server, good="done")  # fmt: skip
        self.inbound(peer)
        if not self.context:
            self.lab.give("client2", LONE_HOSTS)
            self.server("server", "mse-few-server", PYTHON, peer, "serve", "mse", FEW, *MANY)
            # Half of the hosts have one such flow, the others two.
            self.task("client2", "mse-few", PYTHON, peer, "talk", "mse", len(LONE_HOSTS) * 3 // 2,
                      FEW, "--from", *LONE_HOSTS, "--to", *MANY, good="done")  # fmt: skip

    def inbound(self, peer):
        """The same from the Internet, to ports that the router forwards."""
        for protocol, ports in (("tcp", INBOUND_TCP), ("udp", INBOUND_UDP)):
            self.lab.run("router", "iptables", "-t", "nat", "-A", "PREROUTING", "-i", "wan0", "-p",
                         protocol, "--dport", ports.replace("-", ":"), "-j", "DNAT",
                         "--to-destination", self.client)  # fmt: skip
            name = f"inbound-{protocol}"
            self.server("client1", f"{name}-server", PYTHON, peer, "serve", protocol, ports,
                        self.client)  # fmt: skip
            self.task("server", name, PYTHON, peer, "talk", protocol, 100 * self.scale, ports,
                      "--from", *MANY, "--to", ROUTER_WAN[0], good="done")  # fmt: skip

    # -- real programs -----------------------------------------------------------------------

    def shadowsocks(self):
        """TCP through SOCKS by curl, UDP through ss-tunnel by our own noise."""
        web = self.folder("web")
        (web / "blob").write_bytes(os.urandom(200_000))
        self.spawn("server", "web", PYTHON, "-m", "http.server", 8000, "--bind", SERVER,
                   "--directory", web)  # fmt: skip
        how = ["-k", "secret", "-m", "chacha20-ietf-poly1305", "-u"]
        self.spawn("server", "ss-server", "ss-server", "-s", SERVER, "-p", 8388, *how)
        self.spawn("client1", "ss-local", "ss-local", "-s", SERVER, "-p", 8388, "-b", "127.0.0.1",
                   "-l", 1080, *how)  # fmt: skip
        self.spawn("client1", "ss-tunnel", "ss-tunnel", "-s", SERVER, "-p", 8388, "-b", "127.0.0.1",
                   "-l", 1081, "-L", f"{MANY[0]}:27000", *how)  # fmt: skip
        self.listens("server", 8388)
        self.listens("server", 8000)
        self.listens("client1", 1080)
        loop = (f"for n in $(seq {40 * self.scale}); do curl -sSf -m 20 --socks5-hostname "
                f"127.0.0.1:1080 --noproxy '' -o /dev/null http://{SERVER}:8000/blob || exit 1; "
                "done")  # fmt: skip
        self.task("client1", "shadowsocks", "bash", "-c", loop)
        self.task("client1", "shadowsocks-udp", PYTHON, HERE / "negative_peer.py", "talk", "udp",
                  40 * self.scale, "1081", "--from", "127.0.0.1", "--to", "127.0.0.1",
                  good="done")  # fmt: skip

    def openvpn(self):
        """TLS over UDP and TCP, and a static key, which shows nothing but noise."""
        secret = self.lab.scratch / "static.key"
        subprocess.run(["openvpn", "--genkey", "secret", secret], check=True, capture_output=True)
        text = subprocess.run(
            ["openssl", "x509", "-in", self.pem, "-noout", "-fingerprint", "-sha256"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        tls = ["--cert", self.pem, "--key", self.key, "--peer-fingerprint",
               text.partition("=")[2].strip()]  # fmt: skip
        for number, (port, server, client, how) in enumerate([
            (1194, ["--proto", "udp", "--dh", "none"], ["--proto", "udp"], tls),
            (1195, ["--proto", "tcp-server", "--dh", "none"], ["--proto", "tcp-client"], tls),
            (1196, ["--proto", "udp"], ["--proto", "udp"],
             ["--secret", secret, "--cipher", "AES-256-CBC"]),
        ]):  # fmt: skip
            inner = (f"10.9.{number}.1", f"10.9.{number}.2")
            device = f"ovpn{number}"
            base = ["openvpn", "--dev", device, "--dev-type", "tun", "--disable-dco", *how]
            sides = (["--tls-server"], ["--tls-client"]) if how is tls else ([], [])
            self.spawn("server", f"openvpn-s{number}", *base, *server, *sides[0], "--port", port,
                       "--ifconfig", *inner)  # fmt: skip
            self.listens("server", port, "-lntu")
            made = self.spawn(
                "client1",
                f"openvpn-c{number}",
                *base,
                *client,
                *sides[1],
                "--remote",
                SERVER,
                port,
                "--nobind",
                "--ifconfig",
                *inner[::-1],
            )
            wait_for("OpenVPN is up", lambda m=made: "Initialization Sequence" in m.output(), 20)
            self.task("client1", f"openvpn-{number}", "ping", "-c", 60, "-i", "0.05", "-s", 1100,
                      "-W", 2, inner[0])  # fmt: skip

    def wireguard(self):
        """By the kernel, or else by wireguard-go, which needs /dev/net/tun."""
        names = {"server": f"bls{os.getpid()}", "client1": f"blc{os.getpid()}"}
        keys = {}
        for where in names:
            private = subprocess.run(["wg", "genkey"], check=True, capture_output=True, text=True)
            public = subprocess.run(["wg", "pubkey"], input=private.stdout, check=True,
                                    capture_output=True, text=True)  # fmt: skip
            keys[where] = (private.stdout.strip(), public.stdout.strip())
        for where, name in names.items():
            other = "client1" if where == "server" else "server"
            if not self.lab.succeeds(where, "ip", "link", "add", name, "type", "wireguard"):
                self.spawn(where, f"wireguard-{where}", "wireguard-go", "-f", name)
                wait_for("wireguard-go is up",
                         lambda n=name: Path(f"/var/run/wireguard/{n}.sock").exists())  # fmt: skip
            lines = ["[Interface]", f"PrivateKey = {keys[where][0]}"]
            lines += ["ListenPort = 51820"] if where == "server" else []
            lines += ["[Peer]", f"PublicKey = {keys[other][1]}", "AllowedIPs = 10.8.0.0/24"]
            lines += [] if where == "server" else [f"Endpoint = {SERVER}:51820"]
            config = self.lab.scratch / f"{name}.conf"
            config.write_text("\n".join(lines) + "\n")
            self.lab.run(where, "wg", "setconf", name, config)
            inner = "10.8.0.1/24" if where == "server" else "10.8.0.2/24"
            self.lab.run(where, "ip", "addr", "add", inner, "dev", name)
            self.lab.run(where, "ip", "link", "set", name, "up")
        self.task("client1", "wireguard", "ping", "-c", 60, "-i", "0.05", "-s", 1100, "-W", 2,
                  "10.8.0.1")  # fmt: skip

    def ssh(self):
        """Bulk both ways, on its own port and on another."""
        home = self.folder("ssh")
        home.chmod(0o700)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name],
                           check=True)  # fmt: skip
        shutil.copy(home / "user.pub", home / "authorized")
        (home / "sshd_config").write_text(
            f"Port 22\nPort 40022\nListenAddress {SERVER}\nHostKey {home}/host\nUsePAM no\n"
            f"AuthorizedKeysFile {home}/authorized\nStrictModes no\nPermitRootLogin yes\n"
            f"PidFile none\nSubsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.spawn("server", "sshd", "/usr/sbin/sshd", "-D", "-e", "-f", home / "sshd_config")
        self.listens("server", 40022)
        blob = self.lab.scratch / "ssh-blob"
        blob.write_bytes(os.urandom(2_000_000))
        common = ["-q", "-i", home / "user", "-o", "StrictHostKeyChecking=no", "-o",
                  "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]  # fmt: skip
        for port in (22, 40022):
            self.task("client1", f"ssh-{port}", "ssh", *common, "-p", port, f"root@{SERVER}",
                      "head -c 3000000 /dev/urandom > /dev/stdout")  # fmt: skip
            self.task("client1", f"scp-{port}", "scp", *common, "-P", port, blob,
                      f"root@{SERVER}:/dev/null")  # fmt: skip

    def iperf3(self):
        """TCP and UDP, up and down, one after the other as its server wants it."""
        self.spawn("server", "iperf3-server", "iperf3", "-s", "-B", SERVER, "-p", 5201)
        self.listens("server", 5201)
        base = f"iperf3 -c {SERVER} -p 5201 -t 2"
        # Its server may still be busy with the one before.
        ways = [f"for try in 1 2 3 4 5; do {base} {way} && break; sleep 0.2; done"
                for way in ("-b 4M", "-b 4M -R -P 4", "-u -b 2M", "-u -b 2M -R -P 2")]  # fmt: skip
        self.task("client1", "iperf3", "bash", "-c", " && ".join(ways), good="receiver")

    def webrtc(self):
        python = quic_python()
        for number in range(3 * self.scale):
            folder = self.folder(f"webrtc-{number}")
            peer = HERE / "webrtc_peer.py"
            self.spawn("server", f"webrtc-s{number}", python, peer, "answer", folder, 0)
            self.task("client1", f"webrtc-{number}", python, peer, "offer", folder, 200_000,
                      good="done")  # fmt: skip

    def syncthing(self):
        """Two devices share a folder, over TCP and QUIC, without relays and discovery."""
        if not shutil.which("syncthing"):
            self.notes.append("syncthing: not installed, not measured")
            return
        homes = {where: self.folder(f"syncthing-{where}") for where in ("server", "client1")}
        devices = {}
        for where, home in homes.items():
            how = {"HOME": str(home), "PATH": os.environ["PATH"]}
            subprocess.run(["syncthing", "generate", "--home", home, "--no-default-folder"],
                           check=True, capture_output=True, env=how)  # fmt: skip
            devices[where] = subprocess.run(
                ["syncthing", "--device-id", "--home", home], check=True, capture_output=True,
                text=True, env=how).stdout.strip()  # fmt: skip
        for where, home in homes.items():
            self.syncthing_config(home, where, devices)
        (homes["server"] / "shared" / "blob").write_bytes(os.urandom(1_500_000))
        for where, home in homes.items():
            self.spawn(
                where,
                f"syncthing-{where}",
                "syncthing",
                "serve",
                "--home",
                home,
                "--no-browser",
                "--no-restart",
                "--no-upgrade",
                env={"HOME": str(home)},
            )
        got = homes["client1"] / "shared" / "blob"
        self.waiting.append(("syncthing", lambda: got.exists()))

    def syncthing_config(self, home, where, devices):
        shared = home / "shared"
        (shared / ".stfolder").mkdir(parents=True)
        tree = ElementTree.parse(home / "config.xml")
        root = tree.getroot()
        options = root.find("options")
        for name, value in {
            "globalAnnounceEnabled": "false", "localAnnounceEnabled": "false",
            "relaysEnabled": "false", "natEnabled": "false", "urAccepted": "-1",
            "crashReportingEnabled": "false", "stunKeepaliveStartS": "0",
            "reconnectionIntervalS": "5",
        }.items():  # fmt: skip
            for old in options.findall(name):
                options.remove(old)
            ElementTree.SubElement(options, name).text = value
        folder = ElementTree.SubElement(root, "folder", id="shared", label="shared",
                                        path=str(shared), type="sendreceive",
                                        rescanIntervalS="5")  # fmt: skip
        for place, device in devices.items():
            ElementTree.SubElement(folder, "device", id=device)
            for old in [d for d in root.findall("device") if d.get("id") == device]:
                root.remove(old)
            element = ElementTree.SubElement(root, "device", id=device, name=place)
            to = f"tcp://{SERVER}:22000" if place == "server" and where != place else "dynamic"
            ElementTree.SubElement(element, "address").text = to
        tree.write(home / "config.xml")

    def folder(self, name):
        path = self.lab.scratch / name
        path.mkdir()
        return path
