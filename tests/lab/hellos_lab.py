#!/usr/bin/python3
"""Are browsers named? Live flows of Chromium, curl and aioquic under twenty famous names.

A client and the servers of all names in two network namespaces, an address for each name. Five
clients greet every server: headless Chromium over TLS and over QUIC, curl over TLS 1.3 and 1.2,
aioquic over QUIC. The agent runs on the client's link meanwhile and writes down what it sees;
tcpdump captures the same for `nfa replay`. Of both, every flow must have the right host and
application, from its first four packets at most. There is no name server: what is known of a flow
is its hello alone.

The agent is $NFA, else target/release/nfa, else target/debug/nfa. Needs root. Without chromium its
part is skipped, aloud.

    tests/lab/hellos_lab.py [--keep-logs DIR] [--only KIND...]
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import world
from lab import Lab, LabError, wait_for

HERE = Path(__file__).resolve().parent
CLIENT, ROUTER = "192.168.73.10", "192.168.73.1"
PACKETS_MAX = 4
# What stands in a browser's address bar, and whose it is.
NAMES = {
    "www.youtube.com": "youtube",
    "www.facebook.com": "facebook",
    "www.instagram.com": "instagram",
    "twitter.com": "twitter",
    "www.netflix.com": "netflix",
    "www.tiktok.com": "tiktok",
    "web.whatsapp.com": "whatsapp",
    "web.telegram.org": "telegram",
    "discord.com": "discord",
    "open.spotify.com": "spotify",
    "www.twitch.tv": "twitch",
    "www.linkedin.com": "linkedin",
    "www.reddit.com": "reddit",
    "www.pinterest.com": "pinterest",
    "www.amazon.com": "amazon",
    "en.wikipedia.org": "wikipedia",
    "zoom.us": "zoom",
    "teams.microsoft.com": "microsoft-teams",
    "www.dropbox.com": "dropbox",
    "store.steampowered.com": "steam",
}
ADDRESSES = {name: f"198.51.100.{number}" for number, name in enumerate(NAMES, 101)}
QUIC_KINDS = ("chromium-quic", "aioquic")
KINDS = ("curl-tls13", "curl-tls12", "aioquic", "chromium-tls", "chromium-quic")
# Nothing of its own on the wire: no updates, no guesses, no other names.
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-features=HttpsUpgrades,OptimizationHints", "--dump-dom",
]  # fmt: skip
CONFIG = {
    "version": 1,
    "actions": {"all": {"criteria": "*", "targets": ["log"]}},
    "targets": {"log": {"target_type": "log", "interval": 1}},
}


def agent_path():
    """$NFA, or what cargo built last for release, or for debug."""
    choices = [world.ROOT / "target" / kind / "nfa" for kind in ("release", "debug")]
    if os.environ.get("NFA"):
        choices = [Path(os.environ["NFA"])]
    for path in choices:
        if os.access(path, os.X_OK):
            return path.resolve()
    raise LabError(f"no agent: {' or '.join(map(str, choices))}")


class Hellos:
    """The two namespaces, the servers in one and the clients in the other."""

    def __init__(self, lab):
        self.lab = lab
        lab.prefix = f"nfahellos{os.getpid()}"
        self.key, self.certificate = lab.scratch / "key.pem", lab.scratch / "certificate.pem"
        self.faults = []

    def start(self):
        lab = self.lab
        for where in ("client", "server"):
            lab._namespace(where, [])
        # Every program finds the names in its namespace's own /etc/hosts.
        lines = [f"{address} {name}\n" for name, address in ADDRESSES.items()]
        hosts = Path("/etc/netns") / lab.netns("client") / "hosts"
        hosts.write_text("".join(["127.0.0.1 localhost\n", *lines]))
        lab._veth("client", "eth0", "server", "net0")
        lab._addresses("client", "eth0", f"{CLIENT}/24")
        lab._addresses("server", "net0", f"{ROUTER}/24", *(f"{a}/32" for a in ADDRESSES.values()))
        lab.run("client", "ip", "route", "replace", "default", "via", ROUTER)
        names = ",".join(f"DNS:{name}" for name in NAMES)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=lab.example", "-addext", f"subjectAltName={names}", "-keyout", self.key, "-out",
             self.certificate], check=True, capture_output=True,
        )  # fmt: skip
        self.python = world.quic_python()
        self.server("web", world.PYTHON, HERE / "web_server.py", self.certificate, self.key)
        self.server("quic", self.python, HERE / "quic_peer.py", "server", self.certificate,
                    self.key, *ADDRESSES.values())  # fmt: skip
        (lab.scratch / "nfa.json").write_text(json.dumps(CONFIG))

    def server(self, name, *argv):
        process = self.lab.spawn("server", name, *argv)
        wait_for(f"{name} is ready", lambda: "ready" in process.output())

    # -- the clients ------------------------------------------------------------------------

    def greet(self, kind):
        """Every server is greeted once by that client; raises LabError where one hears nothing."""
        if kind.startswith("curl"):
            tls12 = ["--tls-max", "1.2"] if kind.endswith("12") else ["--tlsv1.3"]
            for name in NAMES:
                self.lab.run("client", "curl", "-sS", "--cacert", self.certificate, *tls12,
                             "-o", "/dev/null", f"https://{name}/once")  # fmt: skip
        elif kind == "aioquic":
            for name in NAMES:
                out = self.lab.run("client", self.python, HERE / "quic_peer.py", "client", name,
                                   "4", "0.6")  # fmt: skip
                if out.split()[-1] == "0":
                    raise LabError(f"aioquic heard nothing of {name}")
        else:
            self.chromium(kind == "chromium-quic")

    def chromium(self, quic):
        """One page with an image of every name: their load events hold back its own."""
        page = self.lab.scratch / "page.html"
        images = "".join(f'<img src="https://{name}/once">' for name in NAMES)
        page.write_text(f"<!doctype html><title>loaded</title>{images}")
        public = subprocess.run(["openssl", "x509", "-pubkey", "-noout", "-in", self.certificate],
                                check=True, capture_output=True).stdout  # fmt: skip
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public,
                             check=True, capture_output=True).stdout  # fmt: skip
        spki = base64.b64encode(hashlib.sha256(der).digest()).decode()
        rules = [f"MAP {name} {address}" for name, address in ADDRESSES.items()]
        over = ["--disable-quic"]
        if quic:
            origins = ",".join(f"{name}:443" for name in NAMES)
            over = ["--enable-quic", f"--origin-to-force-quic-on={origins}"]
        out = self.lab.run(
            "client", "timeout", "90", "chromium", *CHROMIUM, *over,
            f"--user-data-dir={self.lab.scratch / 'profile'}-{'quic' if quic else 'tls'}",
            f"--ignore-certificate-errors-spki-list={spki}",
            f"--host-resolver-rules={','.join([*rules, 'MAP * ~NOTFOUND'])}", f"file://{page}",
            timeout=120,
        )  # fmt: skip
        if "loaded" not in out:
            raise LabError(f"chromium did not load its page: {out[-300:]}")

    # -- what the agent says of them --------------------------------------------------------

    def watch(self, kind):
        """Greets while the agent looks on; judges what it wrote down, and the capture again."""
        folder = self.lab.scratch / kind
        folder.mkdir()
        config = folder / "nfa.json"
        text = json.loads((self.lab.scratch / "nfa.json").read_text())
        text["targets"]["log"]["path"] = str(folder)
        config.write_text(json.dumps(text))
        agent = self.lab.spawn("client", f"nfa-{kind}", agent_path(), "run", "--config", config,
                               "--interface", "eth0")  # fmt: skip
        tcpdump, capture = self.lab.capture(kind, "client", "eth0")
        wait_for("the agent captures", lambda: agent.running() and "captur" in agent.output(), 5)
        self.greet(kind)
        tcpdump.stop()
        agent.stop()
        live = [record for path in sorted(folder.glob("netify-flow-actions*.json"))
                for record in records(path.read_text())]  # fmt: skip
        replayed = subprocess.run([agent_path(), "replay", "--no-expiry", capture], check=True,
                                  capture_output=True, text=True).stdout  # fmt: skip
        self.judge(f"{kind}, live", kind, live)
        self.judge(f"{kind}, replayed", kind, records(replayed))

    def judge(self, what, kind, found):
        """Every name has a flow, and every flow to a server is named in time."""
        names = {address: name for name, address in ADDRESSES.items()}
        transport = 17 if kind in QUIC_KINDS else 6
        flows, silent = {}, 0
        for flow in found:
            if is_silent(flow):
                silent += 1
            elif flow.get("other_port") == 443 and flow.get("other_ip") in names:
                # A flow is written down again when more is known of it; the newest counts.
                flows[(flow["ip_protocol"], flow["local_port"], flow["other_ip"])] = flow
        faults, seen, most = [], set(), 0
        for (ip_protocol, port, address), flow in flows.items():
            name = names[address]
            packets = flow["detection_packets"]
            told = {
                "host": (flow.get("host_server_name"), name),
                "application": (flow["detected_application_name"], f"netify.{NAMES[name]}"),
                "guessed": (flow["detection_guessed"], False),
                "within four packets": (packets <= PACKETS_MAX, True),
            }
            for point, (is_so, should) in told.items():
                if is_so != should:
                    faults.append(f"{name}, port {port}: {point}: {is_so}, {packets} packets")
            most = max(most, packets)
            if ip_protocol == transport:
                seen.add(name)
        faults += [f"{name}: no flow" for name in NAMES if name not in seen]
        state = "FAIL" if faults else "ok"
        print(f"{state:4} {what}: {len(flows)} flows, {len(seen)} names, "
              f"at most {most} packets looked at, {silent} connections without a word",
              flush=True)  # fmt: skip
        for fault in faults:
            print("    ", fault, flush=True)
        self.faults += faults


def is_silent(flow):
    """Whether a connection carried headers only: browsers open spare ones and close them again."""
    header_max = 60  # bytes of IPv4 and TCP headers with the options that Linux sends
    sides = [flow["local_bytes"] - header_max * flow["local_packets"],
             flow["other_bytes"] - header_max * flow["other_packets"]]  # fmt: skip
    return flow["ip_protocol"] == 6 and max(sides) <= 0


def records(text):
    """The flow objects in lines of JSON, or in JSON arrays, whatever is around them."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        for item in value if isinstance(value, list) else [value]:
            flow = item.get("flow", item)
            if "detected_application_name" in flow:
                found.append(flow)
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--keep-logs", metavar="DIR", type=Path, help="save everything written")
    parser.add_argument("--only", metavar="KIND", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    world.need_root()
    print("agent:", agent_path(), flush=True)
    with Lab(options.keep_logs) as lab:
        hellos = Hellos(lab)
        try:
            hellos.start()
            for kind in options.only:
                if kind.startswith("chromium") and not shutil.which("chromium"):
                    print(f"skipped: no chromium: {kind}", flush=True)
                    continue
                hellos.watch(kind)
        except LabError as error:
            hellos.faults.append(str(error))
            print("FAIL the laboratory works:", error, flush=True)
    if hellos.faults:
        print(f"{len(hellos.faults)} faults")
        return 1
    print("all flows named")
    return 0


if __name__ == "__main__":
    sys.exit(main())
