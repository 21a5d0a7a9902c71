#!/usr/bin/python3
"""A home with mixed traffic and nfa on its router, to look at: what `./demo live` runs.

    live.py [--session FILE] [--seconds N]

Two clients, a router with br-lan, an Internet; a BitTorrent download over TCP, HTTPS and HTTP to names of
famous services, DNS, a call by SIP. iptables marks what is in the set nfa.bittorrent.v4. Prints what marks
what, or, with --session, records what a person sees who types commands in a terminal (tmux), and writes
it to FILE. The agent is $NFA, else target/*/nfa. Ends with status 0 if BitTorrent was marked.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time

import torrent
from lab import CLIENTS, INTERNET, Lab, wait_for
from main_job import agent_path
from world import HERE, HOSTS, PYTHON, ROOT, places, v4, v6

SET = "nfa.bittorrent.v4"
MARK = "0x85"
PEER_PORT = 6881
INVITE = (
    "import socket,time\n"
    "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
    "while True:\n"
    " s.sendto(b'INVITE sip:bob@example.net SIP/2.0\\r\\nVia: SIP/2.0/UDP x\\r\\n\\r\\n',"
    f"('{INTERNET[0]}',5060)); time.sleep(1)\n"
)
# What is typed, and how long a person looks at it.
SESSION = [
    ("nfa status", 1),
    ("nfa top --by application --once", 1),
    ("nfa top --by client --once", 1),
    ("nfa sets nfa.bittorrent", 1),
    ("nfa search www.youtube.com", 1),
    ("nfa why \"$(nfa flows --json \"protocol == 'bittorrent';\" | sed 's/.*\"id\":\"\\([0-9.]*\\)\".*/\\1/')\"", 1),
    ("nfa flows --sort bytes --limit 8", 1),
    ("nfa doctor", 2),
]


class Home:
    """The network, its traffic, and the agent."""

    def __init__(self, lab, agent):
        self.lab, self.agent = lab, agent
        self.listener = lab.scratch / "nfa.sock"

    def network(self):
        lab = self.lab
        lab.build([v4("dns"), v6("dns")])
        lab.give_internet(list(places()))
        lab.run("router", "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1")
        lab.bridge_up()
        key, certificate = lab.scratch / "key.pem", lab.scratch / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=lab.example", "-keyout", key, "-out", certificate], check=True, capture_output=True,
        )  # fmt: skip
        table = [f"{host}={v4(place)},{v6(place)}" for host, place in HOSTS.items()]
        self.server("dns", HERE / "dns_server.py", v4("dns"), v6("dns"), "--", *table)
        self.server("web", HERE / "web_server.py", certificate, key)

    def server(self, name, *argv):
        process = self.lab.spawn("internet", name, PYTHON, *argv)
        wait_for(f"{name} is ready", lambda: "ready" in process.output() or not process.running())

    def start_agent(self):
        lab = self.lab
        lab.spawn("router", "nfa", self.agent, "run", "--config",
                  ROOT / "docs/examples/headline.json", "--socket", self.listener)  # fmt: skip
        wait_for("the agent answers", self.listener.exists)
        wait_for("its set is there", lambda: lab.succeeds("router", "ipset", "list", SET))
        lab.run("router", "iptables", "-t", "mangle", "-A", "PREROUTING", "-m", "set",
                "--match-set", SET, "dst,dst,src", "-j", "MARK", "--set-mark", MARK)  # fmt: skip

    def traffic(self):
        lab = self.lab
        seed, got = lab.scratch / "seed", lab.scratch / "got"
        for folder in (seed, got):
            folder.mkdir()
            folder.chmod(0o777)
        path, _ = torrent.make(seed, "film.bin", 60 << 20)
        seeder = f"{v4('seeder-tcp')}:{PEER_PORT}"
        peer = [PYTHON, HERE / "bt_peer.py", path]
        lab.spawn("internet", "seeder", *peer, seed, "--listen", seeder, "--transport", "tcp")
        lab.spawn("client1", "leecher", *peer, got, "--listen", f"{CLIENTS['client1'][0]}:{PEER_PORT}",
                  "--transport", "tcp", "--connect", seeder, "--limit", "800000")  # fmt: skip
        for client in CLIENTS:
            for host in HOSTS:
                way = "blob?bytes=90000000" if host == "www.youtube.com" else "hold?seconds=300"
                if host != "www.example.org":
                    lab.spawn(client, f"{client}-{host}", "curl", "-sSNk", "-4", "-o", "/dev/null",
                              "--limit-rate", "200k", f"https://{host}/{way}")  # fmt: skip
            lab.spawn(client, f"{client}-http", "curl", "-sSN", "-4", "-o", "/dev/null", "--limit-rate", "300k",
                      "http://www.example.org/blob?bytes=90000000")  # fmt: skip
        lab.spawn("client2", "call", PYTHON, "-c", INVITE)

    def nfa(self, *words):
        return self.lab.run("router", self.agent, *words, "--socket", self.listener, check=False)

    def marked(self):
        """Packets that the rule has marked."""
        rules = self.lab.run("router", "iptables", "-t", "mangle", "-vnxL", "PREROUTING")
        line = next(line for line in rules.splitlines() if SET in line)
        return int(line.split()[0])


def record(home, path):
    """Types the session's commands into a terminal of 110 columns; what it showed goes to the file."""
    lab = home.lab
    folder = lab.scratch / "bin"
    folder.mkdir()
    tool = folder / "nfa"
    tool.write_text(f'#!/bin/sh\nexec {home.agent} "$@" --socket {home.listener}\n')
    tool.chmod(0o755)
    server = ["tmux", "-L", lab.prefix]
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}",
                   "TERM": "xterm-256color"}  # fmt: skip
    rc = lab.scratch / "bashrc"
    rc.write_text("PS1='router# '\n")
    shell = f"ip netns exec {lab.netns('router')} bash --noprofile --rcfile {rc}"
    subprocess.run([*server, "new-session", "-d", "-x", "110", "-y", "60", shell], check=True,
                   env=environment)  # fmt: skip
    parts = []
    try:
        time.sleep(1)
        for command, _ in SESSION:
            done = lab.scratch / "done"
            done.unlink(missing_ok=True)
            subprocess.run([*server, "send-keys", "clear", "Enter"], check=True)
            time.sleep(0.3)
            subprocess.run([*server, "clear-history"], check=True)
            subprocess.run([*server, "send-keys", "-l", f"{command}; touch {done}"], check=True)
            subprocess.run([*server, "send-keys", "Enter"], check=True)
            wait_for(command, done.exists, 30)
            time.sleep(0.3)
            shown = subprocess.run([*server, "capture-pane", "-p", "-J", "-S", "-200"], check=True,
                                   capture_output=True, text=True).stdout  # fmt: skip
            lines = [line.rstrip() for line in shown.replace(f"; touch {done}", "").splitlines()]
            text = "\n".join(lines)
            start = text.find(f"router# {command}")
            text = text[max(start, 0):].rstrip()
            parts.append(re.sub(r"\nrouter#$", "", text).replace(str(lab.scratch), "/tmp/lab")
                         .replace(str(ROOT), ""))  # fmt: skip
    finally:
        subprocess.run([*server, "kill-server"], check=False)
    with open(path, "w") as out:
        out.write("Recorded by tests/lab/live.py --session (tmux) in a namespace with mixed traffic.\n\n")
        out.write("\n\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--session", metavar="FILE")
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    wanted = ["tmux"] if options.session else []
    missing = [name for name in ["ipset", "iptables", "curl", "openssl", *wanted] if not shutil.which(name)]
    if os.geteuid() or missing:
        print(f"skipped: needs root and {', '.join(missing) or 'all it has'}")
        return 77
    with Lab(prefix="toolslive") as lab:
        home = Home(lab, agent_path())
        print("a home: two clients, a router, an Internet, in network namespaces", flush=True)
        home.network()
        home.start_agent()
        home.traffic()
        print("BitTorrent, HTTPS, HTTP, DNS and SIP are under way", flush=True)
        wait_for("packets of BitTorrent are marked", lambda: home.marked() > 20, 60, 0.3)
        time.sleep(options.seconds)
        if options.session:
            record(home, options.session)
            print(f"written to {options.session}")
            return 0
        for words in (["status"], ["sets", "nfa.bittorrent"]):
            print(f"\n$ nfa {' '.join(words)}\n{home.nfa(*words)}", end="", flush=True)
        rules = lab.run("router", "iptables", "-t", "mangle", "-vnL", "PREROUTING")
        print(f"\n$ iptables -t mangle -vnL PREROUTING\n{rules}")
        print(f"{home.marked()} packets of BitTorrent are marked {MARK}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
