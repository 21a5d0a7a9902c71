#!/usr/bin/python3
"""Mixed real traffic, reloads and firewall restarts for as long as wanted; what nfa lost meanwhile.

    soak.py [--seconds N] [--picture FILE] [--samples FILE]

Web, QUIC and BitTorrent clients come and go. Meanwhile, in turn: the configuration changes (SIGHUP,
and by the control socket), every ipset is flushed, conntrack is emptied, a table inet fw4 with a set
of nfa's is replaced (`fw4 reload`) or deleted and made again (`fw4 restart`), br-lan goes down and
up or is replaced by another. A judge that knows each client reads the kernel's sets: a member that
a live client needs and that is missing longer than SETTLE_S after the last disturbance is lost; a
member that no client of the last TTL_S explains is wrong. Memory, descriptors, processor and log
are read from /proc and the log itself.

Ends with status 0 if every line says OK, 1 if one says FAIL, 77 if not run by root.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import world
from lab import CLIENTS, Lab, LabError, wait_for
from main_job import SET_OF, Report, agent_path
from sets import read_sets
from soak_picture import draw
from world import ROOT, World, endpoint, tracker_url

TTL_S = 60
SETTLE_S = 4.0  # nfa looks once a second; the rest is a busy machine
WARM_S = 3.0  # what a client gets to say who it is for
EVENT_S = 12.0  # between two disturbances
SAMPLE_S = 5.0
CLIENTS_MAX = 14
RATE = 60_000  # bytes per second of a download
FD_MAX = 64
# After warming up memory stays within this, in KiB: buffers come and go.
GROWTH_MAX_KIB = 512
# And at any time within this of the start.
PEAK_MAX_KIB = 4096
LOG_LINES_MAX = 10  # for each disturbance

WEB = ["www.youtube.com", "www.facebook.com", "www.instagram.com", "twitter.com", "www.example.org"]
FW4 = """
table inet fw4 {
  set films.v4 { type ipv4_addr; flags timeout; }
  set films.v6 { type ipv6_addr; flags timeout; }
  chain forward { type filter hook forward priority 0; ip daddr @films.v4 counter; }
}
"""
Held = namedtuple("Held", "process place family client start protocol")


class Soak:
    """One run."""

    def __init__(self, lab, report, seconds):
        self.lab, self.report, self.seconds = lab, report, seconds
        self.world = World(lab)
        self.random = random.Random(9)  # the same clients in the same order each time
        self.held, self.gone = [], []
        self.samples, self.events = [], []
        self.lost, self.wrong, self.judged = [], [], 0
        self.begun = self.disturbed = self.ready_at = 0.0
        self.config, self.socket = lab.scratch / "nfa.json", lab.scratch / "nfa.sock"
        self.variant = False
        self.agent, self.downloads, self.round = None, [], 0
        self.torrents_since = None
        self.sizes = {}

    # -- configuration -----------------------------------------------------------------------

    def write_config(self):
        """Two in turn: the other one knows one more action, with a set of its own."""
        config = json.loads((ROOT / "docs/examples/headline.json").read_text())
        config["target_defaults"]["ipset"]["ttl"] = TTL_S
        config["targets"]["films"] = {
            "target_type": "nftset", "table_name": "fw4", "table_family": "inet",
            "set_name": "films", "type": ["other_addr"], "ttl": TTL_S,
        }  # fmt: skip
        config["actions"]["youtube"]["targets"].append("films")
        if self.variant:
            config["targets"]["plain"] = {"target_type": "ipset", "set_name": "nfa.plain"}
            config["actions"]["plain"] = {"criteria": "protocol == 'http';", "targets": ["plain"]}
        self.config.write_text(json.dumps(config))

    def firewall(self, restart):
        """What firewall4 does: one transaction, or a moment without its table."""
        path = self.lab.scratch / "fw4.nft"
        path.write_text(f"add table inet fw4\ndelete table inet fw4\n{FW4}")
        if restart:
            self.lab.run("router", "nft", "delete", "table", "inet", "fw4")
            time.sleep(0.4)
        self.lab.run("router", "nft", "-f", path)

    # -- traffic -----------------------------------------------------------------------------

    def start(self):
        self.world.start()
        self.lab.bridge_up()
        self.firewall(restart=False)
        self.write_config()
        self.agent = self.lab.spawn(
            "router", "nfa", agent_path(), "run", "--config", self.config, "--socket", self.socket,
            "--catalogue", ROOT / "files/usr/share/nfa/apps.d",
        )  # fmt: skip
        wait_for("the agent answers", self.status, 10)
        self.begun = self.disturbed = time.monotonic()

    def status(self):
        """What `nfa status --json` says; None if it says nothing."""
        argv = [agent_path(), "status", "--json", "--socket", self.socket]
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=20)
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def keep_busy(self):
        """Starts a client now and then; forgets those that ended."""
        now = time.monotonic()
        for held in [held for held in self.held if not held.process.running()]:
            self.held.remove(held)
            self.gone.append((now, held))
        # A server of QUIC goes on sending for a minute to a client that has gone; then nfa waits for
        # half a minute, and then the timeout runs.
        late = {"udp": 60 + 30 + TTL_S}
        self.gone = [(at, held) for at, held in self.gone
                     if now - at < late.get(held.protocol, TTL_S) + 5]  # fmt: skip
        if len(self.held) < CLIENTS_MAX:
            host, family = self.random.choice(WEB), self.random.choice(["v4", "v6"])
            client = self.random.choice(list(CLIENTS))
            seconds = self.random.choice([3, 10, 25, 60])
            kind = self.random.random()
            if kind < 0.12 and host in ("www.youtube.com", "www.instagram.com"):
                process, protocol = self.world.quic(client, host, family, seconds), "udp"
            elif kind < 0.25:
                process, protocol = self.world.http(client, host, family, seconds), "http"
            else:
                process, protocol = self.world.tls(client, host, family, seconds), "tcp"
            self.held.append(Held(process, world.HOSTS[host], family, client, now, protocol))
        self.download()

    def download(self):
        """BitTorrent over TCP and over uTP, one after the other; a new swarm when one is through."""
        if any(peer.running() for peer in self.downloads):
            if time.monotonic() - self.torrents_since < 240:
                return
        for peer in self.downloads:
            peer.stop(3)
        self.round += 1
        place, transport = [("seeder-tcp", "tcp"), ("seeder-utp", "utp")][self.round % 2]
        swarm = self.world.swarm(f"s{self.round}", 4_000_000, tracker_url("http", "v4"))
        argv = ["--transport", transport]
        seeder = self.world.peer(
            "internet", swarm.torrent, swarm.seed, endpoint(place, "v4"), *argv
        )
        local = f"{CLIENTS['client1'][0]}:{7000 + self.round % 900}"
        peer = self.world.peer("client1", swarm.torrent, swarm.download, local, *argv,
                               "--limit", RATE)  # fmt: skip
        self.downloads, self.torrents_since = [seeder, peer], time.monotonic()

    # -- disturbances ------------------------------------------------------------------------

    def disturb(self):
        kinds = ["sighup", "flush", "fw4 reload", "conntrack -F", "reload", "fw4 restart",
                 "link down", "flush", "sighup", "fw4 restart", "link replaced"]  # fmt: skip
        kind = kinds[len(self.events) % len(kinds)]
        if kind in ("sighup", "reload"):
            self.variant = not self.variant
            self.write_config()
            if kind == "sighup":
                self.agent.signal(signal.SIGHUP)
            else:
                self.lab.run("router", agent_path(), "reload", "--socket", self.socket)
        elif kind == "flush":
            for name in read_sets(self.lab).shapes:
                self.lab.run("router", "ipset", "flush", name)
        elif kind == "conntrack -F":
            self.lab.run("router", "conntrack", "-F", check=False)
        elif kind.startswith("fw4"):
            self.firewall(restart=kind.endswith("restart"))
        elif kind == "link down":
            self.lab.bridge_down()
            time.sleep(1)
            self.lab.bridge_up()
        else:
            self.lab.bridge_delete()
            time.sleep(1)
            self.lab.bridge_up()
        self.disturbed = time.monotonic()
        self.events.append((self.disturbed - self.begun, kind))

    # -- judging -----------------------------------------------------------------------------

    def members(self):
        """(set, member) of a client, as the configuration wants them."""
        for held in self.held:
            yield held, list(self.of(held))

    def of(self, held):
        address = world.address(held.place, held.family)
        local = CLIENTS[held.client][held.family == "v6"]
        name = SET_OF.get(held.place)
        if held.protocol == "http":
            # The name in a plain request counts too.
            if self.variant:
                yield f"nfa.plain.{held.family}", f"{address},tcp:80,{local}"
            port, protocol = 80, "tcp"
        else:
            port, protocol = 443, held.protocol
        if name:
            yield f"{name}.{held.family}", f"{address},{protocol}:{port},{local}"
        if held.place == "youtube":
            yield f"fw4 films.{held.family}", address

    def kernel(self):
        """All members that there are, with those of the firewall's table."""
        pairs = read_sets(self.lab).pairs()
        for family in ("v4", "v6"):
            argv = ["ip", "netns", "exec", self.lab.netns("router"), "nft", "list", "set", "inet",
                    "fw4", f"films.{family}"]  # fmt: skip
            text = subprocess.run(argv, capture_output=True, text=True).stdout
            body = text.split("elements = {", 1)[1:]
            pairs |= {
                (f"fw4 films.{family}", words.split()[0])
                for words in (body[0].split("}")[0].split(",") if body else [])
            }
        return pairs

    def judge(self):
        now = time.monotonic()
        if now - self.disturbed < SETTLE_S:
            return
        # Running before and after the look: alive in between.
        needed = {
            pair: held
            for held, pairs in self.members()
            for pair in pairs
            if now - held.start > WARM_S + (3 if held.protocol == "udp" else 0)
            and held.process.running()
        }
        there = self.kernel()
        # Of all at every look: what one heard that misses its member is told by the look before.
        speaking = {held.process.name for held in self.held if self.speaks(held)}
        for pair, held in needed.items():
            self.judged += 1
            if pair not in there and held.process.running() and held.process.name in speaking:
                self.lost.append((now - self.begun, *pair))
        explained = {pair[:2] for held in [*self.held, *(h for _, h in self.gone)]
                     for pair in self.of(held)}  # fmt: skip
        places = {**world.places(), "203.0.113.1": "router-wan"}
        # Whoever sends to a client that has gone is answered by ICMP, to a place that is known by name.
        known = {(name, member.split(",")[0]) for name, member in explained}
        for name, member in there - explained:
            place = places.get(member.split(",")[0])
            if "icmp" in member and (name, member.split(",")[0]) in known:
                continue
            fits = name.startswith("nfa.bittorrent") and str(SET_OF.get(place)) == "nfa.bittorrent"
            if not fits and not name.startswith("nfa.plain"):
                self.wrong.append((now - self.begun, name, member))

    def speaks(self, held):
        """A client that hears nothing needs no member: it got no connection since the link was down,
        or lost it with conntrack's entry (another port outside, and QUIC's server stays away)."""
        name = f"{held.protocol}:{held.process.name}"
        if held.protocol == "udp":
            # It says how much it has received three times a second, whether that grows or not.
            counts = re.findall(r"received (\d+)", held.process.output())
            size = int(counts[-1]) if counts else 0
        else:
            size = held.process.log.stat().st_size
        before, self.sizes[name] = self.sizes.get(name, 0), size
        return size > before

    def sample(self):
        pid = self.agent.pid
        text = Path(f"/proc/{pid}/status").read_text()
        status = self.status() or {}
        self.samples.append({
            "t": round(time.monotonic() - self.begun, 1),
            "rss_kib": int(re.search(r"VmRSS:\s+(\d+)", text)[1]),
            "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "log_bytes": self.agent.log.stat().st_size,
            "log_lines": self.agent.output().count("\n"),
            "members": len(read_sets(self.lab).pairs()),
            "lost": len(self.lost),
            "wrong": len(self.wrong),
            "clients": len(self.held),
            "cpu_s": status.get("cpu_s", 0),
            "flows": status.get("flows", {}).get("live", 0),
            "begun": status.get("flows", {}).get("begun", 0),
            "refused": status.get("refused_changes", 0),
            "dropped": status.get("lost", {}).get("frames", 0),
        })  # fmt: skip

    # -- the run -----------------------------------------------------------------------------

    def run(self):
        self.start()
        next_sample = next_event = next_judge = next_client = 0.0
        while (passed := time.monotonic() - self.begun) < self.seconds:
            if not self.agent.running():
                break
            if passed >= next_client:
                self.keep_busy()
                next_client = passed + 1.5
            if passed >= next_event and passed > 5:
                self.disturb()
                next_event = passed + EVENT_S
            if passed >= next_judge:
                self.judge()
                next_judge = passed + 2
            if passed >= next_sample:
                self.sample()
                next_sample = passed + SAMPLE_S
            time.sleep(0.2)
        self.verdict()

    def verdict(self):
        check = self.report.check
        check("the agent is the same process", self.agent.running())
        if not self.samples:
            return check("there are samples", False)
        last = self.samples[-1]
        kinds = len({kind for _, kind in self.events})
        check("there was traffic, and a judge", self.judged > 20 and last["members"] > 0,
              f"{last['begun']} flows, {self.judged} members looked for, {last['members']} now")
        check("there were disturbances", self.events, f"{len(self.events)} of {kinds} kinds")
        check("no element of a live client was lost", not self.lost, str(self.lost[:5] or 0))
        check("no element was wrong", not self.wrong, str(self.wrong[:5] or 0))
        # A reload has two catalogues for a moment, and the allocator gives the place of one back at
        # this reload or at a later one: the least of a quarter is what the daemon keeps.
        sizes = [sample["rss_kib"] for sample in self.samples]
        quarter = max(1, len(sizes) // 4)
        before, after = min(sizes[quarter : 2 * quarter] or sizes), min(sizes[-quarter:])
        check("memory does not grow", after - before < GROWTH_MAX_KIB,
              f"{sizes[0]} KiB at the start, at least {before} in the second quarter and {after} in "
              f"the last, most {max(sizes)}")
        check("memory is bounded", max(sizes) - sizes[0] < PEAK_MAX_KIB, f"{max(sizes)} KiB at most")
        most = max(sample["fds"] for sample in self.samples)
        check("descriptors are bounded", most <= FD_MAX, f"{most} at most, {last['fds']} at the end")
        per_event = last["log_lines"] / max(1, len(self.events))
        check("the log is small", per_event <= LOG_LINES_MAX,
              f"{last['log_lines']} lines, {last['log_bytes']} bytes, {per_event:.1f} lines for "
              "each disturbance")
        print(f"      {last['refused']} changes refused, {last['dropped']} frames dropped, "
              f"CPU {last['cpu_s']} s of {last['t']} s")
        check("nothing panicked", "panicked" not in self.agent.output())
        self.agent.signal(signal.SIGTERM)
        check("SIGTERM ends it with status 0", self.agent.wait(10) == 0)


def commit():
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True,
                          text=True)  # fmt: skip
    return done.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=45, help="how long (default: 45)")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="draw the samples, SVG")
    parser.add_argument("--samples", metavar="FILE", type=Path, help="keep the samples, JSON")
    parser.add_argument("--commit", default=commit(), help="what the picture says was tested")
    options = parser.parse_args()
    world.need_root()
    print("agent:", agent_path(), flush=True)
    report = Report()
    with Lab(prefix="nfasoak") as lab:
        soak = Soak(lab, report, options.seconds)
        try:
            soak.run()
        except LabError as error:
            report.check("the laboratory works", False, str(error))
        finally:
            kept = {"commit": options.commit, "events": soak.events, "samples": soak.samples,
                    "lost": soak.lost, "wrong": soak.wrong, "judged": soak.judged}  # fmt: skip
            if options.samples:
                options.samples.write_text(json.dumps(kept))
            if options.picture and soak.samples:
                options.picture.write_text(draw(kept))
        if report.failed() and soak.agent:
            print("\nlast lines of the agent:", *soak.agent.output().splitlines()[-30:], sep="\n")
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
