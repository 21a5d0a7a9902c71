"""Two namespaces joined by a veth pair, for measurements on live traffic."""

import contextlib
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUTER, CLIENT = "nfabench-router", "nfabench-client"
# Of two local ends the lower address is taken for the LAN's.
ADDRESS = {ROUTER: "10.99.0.2", CLIENT: "10.99.0.1"}
DEVICE = {ROUTER: "nfab1", CLIENT: "nfab2"}


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def inside(name, *command):
    return ["ip", "netns", "exec", name, *map(str, command)]


@contextlib.contextmanager
def pair():
    """Both are gone afterwards, whatever happened inside."""
    try:
        for name in ADDRESS:
            ip("netns", "add", name)
        ip("link", "add", DEVICE[ROUTER], "netns", ROUTER, "type", "veth",
           "peer", "name", DEVICE[CLIENT], "netns", CLIENT)
        for name, address in ADDRESS.items():
            ip("-n", name, "address", "add", f"{address}/24", "dev", DEVICE[name])
            ip("-n", name, "link", "set", DEVICE[name], "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in ADDRESS:
            subprocess.run(["ip", "netns", "del", name], check=False)


def agent(program, config, log, *before):
    """Starts the agent in the router; `before` are words before its command."""
    return subprocess.Popen(
        inside(ROUTER, *before, program, "run", "--config", config,
               "--catalogue", ROOT / "files/usr/share/nfa/apps.d",
               "--interface", DEVICE[ROUTER], "--max-flows", "131072"), stdout=log, stderr=log)
