#!/usr/bin/python3
"""Telemetry to where people keep it: a real broker, a SQL store, Prometheus, collectd.

    telemetry.py [--keep-logs DIR]

A router with nfa, two clients, and servers on the Internet's side; there mosquitto takes the records
of every flow, docs/examples/fleet/store.py keeps them in SQLite, Prometheus scrapes the router through
a CGI script, and collectd runs on the router. What arrives is compared with what the clients did.
Then most of a connection passes the agent by: its volume must still be right. In the end the same with
a private configuration: no output of any kind may have a client's address or a host's name.
Every program is Debian's, in a namespace, and ended by its pid. The agent is $NFA, else target/*/nfa.
Ends with status 0 if every line says OK, 1 if one says FAIL, 77 if a program is missing.
"""

import argparse
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

from lab import CLIENTS, INTERNET, ROUTER_WAN, Lab, wait_for
from main_job import Report, agent_path
from world import PYTHON, ROOT

FLEET = ROOT / "docs" / "examples" / "fleet"
PROGRAMS = ["mosquitto", "mosquitto_pub", "mosquitto_sub", "prometheus", "collectd", "busybox"]
SECRET_HOST = "www.example.org"
MEBIBYTE = 1 << 20

# One connection: what was asked for is sent back; "GET" first, so that it is named at once.
SERVER = """
import socket, threading
listener = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
def serve(one):
    size = int(one.recv(4096).split(b"/", 2)[1].split()[0])
    one.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
    sent = 0
    while sent < size:
        sent += one.send(bytes(min(65536, size - sent)))
    one.recv(1)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
CLIENT = """
import socket, sys, time
one = socket.create_connection((sys.argv[1], 80))
one.sendall(b"GET /%s HTTP/1.1\\r\\nHost: www.example.org\\r\\nUser-Agent: x\\r\\n\\r\\n" % sys.argv[2].encode())
got = 0
while got < int(sys.argv[2]):
    got += len(one.recv(65536))
print("ready", sys.argv[2], flush=True)
time.sleep(float(sys.argv[3]))
"""

CONFIG = {
    "telemetry": {"interval": 2, "status_interval": 2},
    "actions": {"web": {"criteria": "protocol == 'http';", "targets": ["web"]}},
    "targets": {"web": {"target_type": "ipset", "set_name": "nfa.web", "type": "hash:ip",
                        "ttl": 120, "linger": 120,
                        "managed": True}},
}  # fmt: skip


class Pipeline:
    """The router's agent, and everything that reads it."""

    def __init__(self, lab, agent):
        self.lab, self.agent = lab, agent
        self.sockets = lab.scratch / "run"
        self.sockets.mkdir()
        self.base = lab.scratch / "flows.db"

    def nfa(self, *words):
        return self.lab.run("router", self.agent, *words, "--socket", self.sockets / "nfa.sock")

    def start_agent(self):
        config = dict(CONFIG)
        config["telemetry"] = {**CONFIG["telemetry"], "path": str(self.sockets / "t.sock")}
        path = self.lab.scratch / "nfa.json"
        path.write_text(json.dumps(config))
        self.daemon = self.lab.spawn("router", "nfa", self.agent, "run", "--config", path,
                                     "--socket", self.sockets / "nfa.sock")  # fmt: skip
        wait_for("the agent answers", lambda: (self.sockets / "nfa.sock").exists())
        # Whatever the programs below call `nfa` is this one, at this socket.
        tool = self.lab.scratch / "bin" / "nfa"
        tool.parent.mkdir()
        socket_path = self.sockets / "nfa.sock"
        tool.write_text(
            "#!/bin/sh\n"
            f"case $1 in stream) exec {self.agent} \"$@\";; esac\n"
            f"exec {self.agent} \"$@\" --socket {socket_path}\n"
        )
        tool.chmod(0o755)
        self.path = {"PATH": f"{tool.parent}:{os.environ['PATH']}"}

    def start_broker(self):
        conf = self.lab.scratch / "mosquitto.conf"
        conf.write_text("listener 1883 0.0.0.0\nallow_anonymous true\n")
        self.lab.spawn("internet", "mosquitto", "mosquitto", "-c", conf)
        wait_for("the broker listens", lambda: self.listens("internet", 1883))
        command = (f"mosquitto_sub -h 127.0.0.1 -t 'nfa/+/records' -F '%t %p' | "
                   f"tee {self.lab.scratch / 'messages'} | {FLEET / 'store.py'} {self.base}")  # fmt: skip
        self.lab.spawn("internet", "store", "sh", "-c", command)
        time.sleep(1)  # a subscriber that comes late misses what was said
        self.lab.spawn("router", "publish", FLEET / "publish.sh", INTERNET[0],
                       self.sockets / "t.sock", env=self.path)  # fmt: skip

    def listens(self, where, port):
        return f":{port} " in self.lab.run(where, "ss", "-Htln")

    def start_prometheus(self):
        www = self.lab.scratch / "www" / "cgi-bin"
        www.mkdir(parents=True)
        shutil.copy(FLEET / "nfa-metrics.cgi", www)
        self.lab.spawn("router", "httpd", "busybox", "httpd", "-f", "-p", f"{ROUTER_WAN[0]}:8080",
                       "-h", www.parent, env=self.path)  # fmt: skip
        text = (FLEET / "prometheus.yml").read_text()
        text = text.replace('"ROUTER"', f'"{ROUTER_WAN[0]}:8080"').replace("15s", "1s")
        path = self.lab.scratch / "prometheus.yml"
        path.write_text(text)
        self.lab.spawn("internet", "prometheus", "prometheus", f"--config.file={path}",
                       f"--storage.tsdb.path={self.lab.scratch / 'tsdb'}",
                       "--web.listen-address=127.0.0.1:9090")  # fmt: skip
        wait_for("Prometheus listens", lambda: self.listens("internet", 9090), 60)

    def query(self, text):
        """Values that Prometheus has for an expression now."""
        url = "http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(text)
        answer = self.lab.run("internet", "curl", "-sS", url, check=False)
        try:
            return [float(row["value"][1]) for row in json.loads(answer)["data"]["result"]]
        except (ValueError, KeyError):
            return []

    def start_collectd(self):
        text = (FLEET / "collectd.conf").read_text().replace("/usr/bin/nfa", "nfa")
        text = text.replace('"nfa"', f'"{self.lab.scratch / "bin" / "nfa"}"')
        folder = self.lab.scratch / "collectd"
        folder.mkdir()
        text = text.replace("Interval 10", "Interval 1")
        path = self.lab.scratch / "collectd.conf"
        path.write_text(f'Hostname "router"\nBaseDir "{folder}"\nPIDFile "{folder}/pid"\n'
                        'TypesDB "/usr/share/collectd/types.db"\nLoadPlugin csv\n'
                        f'<Plugin csv>\nDataDir "{folder}"\n</Plugin>\n{text}')  # fmt: skip
        self.lab.spawn("router", "collectd", "collectd", "-f", "-C", path)
        return folder

    def rows(self, text, *values):
        if not self.base.exists():
            return []
        base = sqlite3.connect(self.base, timeout=10)
        try:
            return base.execute(text, values).fetchall()
        except sqlite3.OperationalError:  # its tables are not made yet
            return []
        finally:
            base.close()


def fetch(lab, client, name, size, seconds):
    """A client gets so many bytes, and keeps the connection for a while."""
    process = lab.spawn(client, name, PYTHON, "-c", CLIENT, INTERNET[0], size, seconds)
    wait_for(f"{name} has all", lambda: f"ready {size}" in process.output(), 60)
    return process


def volumes(pipeline, report, size):
    """The broker and the SQL store against what the clients did."""
    lab = pipeline.lab
    sql = ("select client, application, protocol, host, bytes_local, bytes_other, packets, ended "
           "from flows where protocol = 'HTTP' and ended is not null")  # fmt: skip
    report.eventually("two flows of HTTP are rows of the store, ended",
                      lambda: len(pipeline.rows(sql)) == 2, 60)  # fmt: skip
    for row in pipeline.rows(sql):
        client, _, _, host, sent, got, packets, _ = row
        fits = size < got < size * 1.1 and 0 < sent < size and packets > size // 1500
        name = client in [addresses[0] for addresses in CLIENTS.values()]
        report.check(f"the row of {client}: host, volume", fits and name and host == SECRET_HOST,
                     f"{host}, {got} bytes got of {size} asked for, {packets} packets")  # fmt: skip
    agents = pipeline.rows("select router, version, uptime, flows, memory_kb from agents")
    hostname = socket.gethostname()
    report.check("the router's own row", len(agents) == 1 and agents[0][0] == hostname
                 and agents[0][4] > 100, str(agents))  # fmt: skip
    messages = (lab.scratch / "messages").read_text().splitlines()
    types = {}
    for line in messages:
        record = json.loads(line.partition(" ")[2])
        types[record["type"]] = types.get(record["type"], 0) + 1
    wanted = {"flow", "flow_dpi_complete", "flow_stats", "flow_purge", "agent_status"}
    report.check("every type of record came through the broker", wanted <= set(types), str(types))
    log = (lab.scratch / "store.log").read_text()
    report.check("the store left nothing out", "left out" not in log, log[-200:])


def metrics(pipeline, report, folder, size):
    """Prometheus and collectd against the agent."""
    report.eventually("Prometheus has scraped the router: nfa_up",
                      lambda: pipeline.query("nfa_up") == [1.0], 60)  # fmt: skip
    wanted = 'sum(nfa_protocol_bytes_total{protocol="HTTP",from="other"})'
    report.eventually("Prometheus knows the volume of HTTP",
                      lambda: any(2 * size < v < 2.2 * size for v in pipeline.query(wanted)), 30)  # fmt: skip
    report.check("and the matches of the action",
                 pipeline.query('nfa_action_matches_total{action="web"}') == [2.0],
                 str(pipeline.query('nfa_action_matches_total{action="web"}')))  # fmt: skip
    report.check("and the members of the set",
                 pipeline.query('nfa_set_elements{set="nfa.web.v4"}') == [1.0])  # fmt: skip
    checked = subprocess.run(["promtool", "check", "metrics"], input=pipeline.nfa("metrics"),
                             capture_output=True, text=True)  # fmt: skip
    report.check("promtool has nothing to say about the text", checked.returncode == 0,
                 (checked.stdout + checked.stderr).strip()[:300])  # fmt: skip

    def value(name):
        files = sorted((folder / "router").glob(f"{name}-*"))
        lines = files[-1].read_text().splitlines() if files else []
        return lines[-1].split(",")[1:] if len(lines) > 1 else []

    report.eventually("collectd has the number of live flows",
                      lambda: value("nfa/gauge-flows_live"), 30)  # fmt: skip
    report.eventually("and the octets of HTTP", lambda: len(value("nfa-protocol/if_octets-HTTP")) == 2,
                      30)  # fmt: skip


def passed_by(pipeline, report):
    """Most packets of a connection pass the agent by, and conntrack alone counts them: rules hand on
    the first 64 (docs/nflog.md), and, where the kernel has flow tables, a connection is offloaded."""
    lab, agent = pipeline.lab, pipeline.agent
    folder = lab.scratch / "nflog"
    folder.mkdir()
    (folder / "nfa.json").write_text('{"interfaces": {"nflog:5": {"role": "lan"}}}')
    lab.run("router", "iptables", "-t", "mangle", "-A", "FORWARD", "-m", "connbytes",
            "--connbytes", "0:63", "--connbytes-dir", "both", "--connbytes-mode", "packets",
            "-j", "NFLOG", "--nflog-group", "5", "--nflog-size", "2048", "--nflog-threshold", "1")  # fmt: skip
    listener = folder / "nfa.sock"
    daemon = lab.spawn("router", "nfa-nflog", agent, "run", "--config", folder / "nfa.json",
                       "--socket", listener)  # fmt: skip
    wait_for("the agent answers", listener.exists)
    time.sleep(1)
    size = 20 * MEBIBYTE
    client = fetch(lab, "client1", "passes-by", size, 45)
    volume(lab, agent, listener, report, "nflog", size)
    client.stop()
    daemon.stop()
    rules = lab.scratch / "offload.nft"
    rules.write_text(
        "table inet fast {\n flowtable ft { hook ingress priority 0; "
        "devices = { lan1, lan2, wan0 }; counter; }\n chain forward { type filter hook forward "
        "priority 0;\n meta l4proto tcp ct state established ct packets > 30 flow add @ft\n }\n}\n"
    )
    if not lab.succeeds("router", "nft", "-f", rules):
        print("SKIP  flow offload: this kernel has no flow tables (CONFIG_NF_FLOW_TABLE)")
        return
    client = fetch(lab, "client1", "offloaded", size, 45)
    listed = lab.run("router", "conntrack", "-L", "-p", "tcp", check=False)
    report.check("the kernel has offloaded it", "OFFLOAD" in listed, listed[:400])
    volume(lab, agent, pipeline.sockets / "nfa.sock", report, "offload", size)
    client.stop()


def volume(lab, agent, listener, report, how, size):
    """The daemon at that socket knows the whole volume of the live flow of HTTP."""
    ask = lambda *words: json.loads(lab.run("router", agent, *words, "--json", "--socket", listener))

    def known():
        rows = ask("flows", "--sort", "bytes")["flows"]
        return next((row["other_bytes"] for row in rows if row["protocol"] == "HTTP"), 0)

    report.eventually(f"{how}: nfa flows has the whole volume", lambda: known() >= size, 40)
    report.check(f"{how}: and not a tenth more", size <= known() < size * 1.1, f"{known()} of {size}")
    http = [row["other_bytes"] for row in ask("top", "--by", "protocol")["rows"]
            if row["name"] == "HTTP"]  # fmt: skip
    report.check(f"{how}: nfa top has it too", http and http[0] >= size, str(http))


def privacy(pipeline, report, treatment):
    """With a private configuration no output of any kind has a client's address or the host's name."""
    lab, agent = pipeline.lab, pipeline.agent
    pipeline.daemon.stop()
    folder = lab.scratch / f"private-{treatment}"
    folder.mkdir()
    config = dict(CONFIG)
    config["telemetry"] = {"interval": 1, "status_interval": 1, "path": str(folder / "t.sock")}
    config["privacy"] = {"hosts": treatment, "clients": treatment, "answers": True}
    config["targets"] = {
        **CONFIG["targets"],
        "log": {"target_type": "log", "path": str(folder), "prefix": "log", "interval": 1},
        "sink": {"target_type": "sink", "path": str(folder / "s.sock")},
        "label": {"target_type": "ctlabel", "labels": [1], "log_errors": True},
    }
    config["actions"] = {"web": {"criteria": f"protocol == 'http' && detected_hostname == '{SECRET_HOST}';",
                                 "targets": list(config["targets"])}}  # fmt: skip
    (folder / "nfa.json").write_text(json.dumps(config))
    daemon = lab.spawn("router", f"nfa-{treatment}", agent, "run", "--config", folder / "nfa.json",
                       "--socket", folder / "nfa.sock")  # fmt: skip
    wait_for("the agent answers", lambda: (folder / "nfa.sock").exists())
    for name in ("t", "s"):
        lab.spawn("router", f"stream-{name}-{treatment}", agent, "stream", folder / f"{name}.sock")
    time.sleep(2)
    before = set((lab.scratch).rglob("*"))
    both = [fetch(lab, client, f"{client}-{treatment}", 9000, 15) for client in CLIENTS]
    ask = lambda *words: lab.run("router", agent, *words, "--socket", folder / "nfa.sock", check=False)
    wait_for("the flows are matched", lambda: len(json.loads(ask("flows", "--json", "--rule", "web"))["flows"]) == 2)
    flows = json.loads(ask("flows", "--json"))["flows"]
    ids = [row["id"] for row in flows if row["protocol"] == "HTTP"]
    outputs = {" ".join(words): ask(*words) for words in (
        ["status"], ["status", "--json"], ["flows"], ["flows", "--json"], ["sets"],
        ["sets", "nfa.web", "--json"], ["sets", "nfa.web"], ["search", INTERNET[0]],
        ["search", INTERNET[0], "--json"], ["search", "http", "--json"], ["top"], ["top", "--json"],
        ["top", "--by", "client"], ["top", "--by", "client", "--json"], ["metrics"],
        ["metrics", "--collectd"], ["findings", "--json"], ["support"], ["doctor"],
        *(["why", number] for number in ids), *(["why", number, "--json"] for number in ids),
    )}  # fmt: skip
    both[0].stop()
    both[1].stop()
    wait_for("the log is written", lambda: list(folder.glob("log-*.json")))
    wait_for("an end is told", lambda: "flow_purge" in (lab.scratch / f"stream-t-{treatment}.log").read_text(), 40)
    daemon.stop()
    for path in [*folder.glob("log-*.json"), *(lab.scratch / f"{name}-{treatment}.log" for name in
                                               ("nfa", "stream-t", "stream-s"))]:  # fmt: skip
        outputs[path.name] = path.read_text()
    macs = [lab.run(client, "cat", "/sys/class/net/eth0/address").strip() for client in CLIENTS]
    # The criteria name the host: that is the owner's own text, in the answer of why.
    owners = f"detected_hostname == '{SECRET_HOST}'"
    secrets = [SECRET_HOST, *macs, *(addresses[0] for addresses in CLIENTS.values())]
    leaks = [f"{name}: {secret}" for name, text in outputs.items() for secret in secrets
             if secret in text.replace(owners, "")]  # fmt: skip
    report.check(f"{treatment}: nothing of {len(outputs)} outputs has a client or the host",
                 not leaks, "; ".join(leaks[:8]))  # fmt: skip
    told = outputs[f"stream-t-{treatment}.log"]
    report.check(f"{treatment}: the other end and the protocol are told all the same",
                 INTERNET[0] in told and '"HTTP"' in told)  # fmt: skip
    empty = [name for name, text in outputs.items() if not text.strip()]
    report.check(f"{treatment}: every output has something",
                 set(empty) <= {f"nfa-{treatment}.log"}, str(empty))  # fmt: skip
    # Nothing is written but where the configuration says so, and sockets.
    added = [path for path in set(lab.scratch.rglob("*")) - before if folder not in path.parents]
    report.check(f"{treatment}: no file of the agent's own beside them",
                 all(path.suffix == ".log" for path in added), str(added))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--keep-logs", metavar="DIR")
    options = parser.parse_args()
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if os.geteuid() or missing:
        print(f"skipped: needs root and {', '.join(missing) or 'all it has'}")
        return 77
    report = Report()
    with Lab(options.keep_logs, prefix="toolslab") as lab:
        lab.build([INTERNET[0]])
        lab.run("router", "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1")
        lab.bridge_up()
        lab.scratch.chmod(0o755)
        pipeline = Pipeline(lab, agent_path())
        pipeline.start_agent()
        pipeline.start_broker()
        server = lab.spawn("internet", "web", PYTHON, "-c", SERVER)
        wait_for("the server is ready", lambda: "ready" in server.output())
        size = 5 * MEBIBYTE
        both = [fetch(lab, client, f"{client}-get", size, 6) for client in CLIENTS]
        pipeline.start_prometheus()
        folder = pipeline.start_collectd()
        for process in both:
            process.wait(60)
        volumes(pipeline, report, size)
        metrics(pipeline, report, folder, size)
        passed_by(pipeline, report)
        alive = pipeline.daemon.running()
        for treatment in ("hash", "drop"):
            privacy(pipeline, report, treatment)
        report.check("the agent lived to the end of it", alive, pipeline.daemon.output()[-400:])
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
