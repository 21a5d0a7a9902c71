"""Network namespaces that make up a home: two clients, a router and the Internet.

    client1 -- lan1 \\
                      br-lan  router  wan0 -- net0  internet (all servers, one address each)
    client2 -- lan2 /

The router masquerades IPv4 and routes IPv6 plainly. Nothing exists outside the namespaces but one
scratch directory and /etc/netns/NAME (how `ip netns exec` gives a namespace its resolv.conf);
leaving the `with` block removes all of it, whatever happened inside.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAN_V4 = "192.168.71.0/24"
LAN_V6 = "fd71::/64"
ROUTER_LAN = ("192.168.71.1", "fd71::1")
ROUTER_WAN = ("203.0.113.1", "2001:db8:203::1")
INTERNET = ("203.0.113.254", "2001:db8:203::fe")
CLIENTS = {"client1": ("192.168.71.10", "fd71::10"), "client2": ("192.168.71.11", "fd71::11")}
# Segmentation and checksums done late would show the capture frames that no wire carries.
OFFLOADS = ["tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off"]


class LabError(Exception):
    """The laboratory itself failed, as opposed to what it tests."""


def wait_for(what, condition, seconds=20.0, every=0.1):
    """Polls until `condition()` is truthy and returns that value; raises LabError in the end."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)


def environment():
    """Ours without proxies: a lab's client goes straight to the lab's server."""
    return {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}


class Process:
    """A program of ours in a namespace; its output goes to a log file."""

    def __init__(self, name, popen, log):
        self.name, self.popen, self.log = name, popen, log

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        """Sends a signal, if the process is still there."""
        if self.running():
            self.popen.send_signal(number)

    def wait(self, seconds):
        """The exit status, or LabError."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"{self.name} did not end within {seconds:g} s") from late

    def stop(self, seconds=5.0):
        """SIGTERM, then SIGKILL; returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def output(self):
        return self.log.read_text(errors="replace")


class Lab:
    """The namespaces and every process in them. Use it in a `with` statement."""

    def __init__(self, keep_logs=None, prefix="nfalab"):
        self.prefix = f"{prefix}{os.getpid()}"
        self.names = []
        self.processes = []
        self.keep_logs = keep_logs
        self.scratch = Path(tempfile.mkdtemp(prefix=f"{self.prefix}-"))
        self.scratch.chmod(0o755)

    def __enter__(self):
        # A polite kill of the driver must clean up as an exception does.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop(2)
        for name in self.names:
            self._clear(name)
        if self.keep_logs:
            shutil.copytree(self.scratch, self.keep_logs, dirs_exist_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _clear(self, name):
        """Ends what is left in a namespace (children of ours that outlived us) and deletes it."""
        pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for pid in pids.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)

    # -- running things ---------------------------------------------------------------------

    def netns(self, where):
        """The full name of one of our namespaces."""
        return f"{self.prefix}-{where}"

    def run(self, where, *argv, check=True, timeout=60):
        """Runs a command to its end and returns its output."""
        command = ["ip", "netns", "exec", self.netns(where), *map(str, argv)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise LabError(f"{where}: {' '.join(map(str, argv))}: {done.stdout}{done.stderr}")
        return done.stdout

    def succeeds(self, where, *argv):
        """Whether a command ends with status 0."""
        command = ["ip", "netns", "exec", self.netns(where), *map(str, argv)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def spawn(self, where, name, *argv, env=None):
        """Starts a program that goes on; `ip netns exec` becomes it, so the pid is its own."""
        log = self.scratch / f"{name}.log"
        command = ["ip", "netns", "exec", self.netns(where), *map(str, argv)]
        with log.open("ab") as sink:
            popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                start_new_session=True, env={**environment(), **(env or {})},
            )  # fmt: skip
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    # -- building the network ---------------------------------------------------------------

    def build(self, nameservers):
        """Makes everything but br-lan: the clients hang on ports that are not bridged yet.

        client2 asks the name servers in the opposite order, so that both see questions.
        """
        for where in ["router", "internet", "client1"]:
            self._namespace(where, nameservers)
        self._namespace("client2", nameservers[::-1])
        self._router_and_internet()
        for number, (client, addresses) in enumerate(CLIENTS.items(), 1):
            self._veth("router", f"lan{number}", client, "eth0")
            self._addresses(client, "eth0", f"{addresses[0]}/24", f"{addresses[1]}/64")
            self._default_routes(client, ROUTER_LAN)

    def _namespace(self, where, nameservers):
        name = self.netns(where)
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.names.append(name)
        etc = Path("/etc/netns") / name
        etc.mkdir(parents=True)
        lines = [f"nameserver {server}\n" for server in nameservers]
        (etc / "resolv.conf").write_text("".join([*lines, "options timeout:2 attempts:3\n"]))
        self.run(where, "ip", "link", "set", "lo", "up")

    def _veth(self, left, left_device, right, right_device):
        subprocess.run(
            ["ip", "link", "add", left_device, "netns", self.netns(left), "type", "veth",
             "peer", "name", right_device, "netns", self.netns(right)], check=True,
        )  # fmt: skip
        for where, device in [(left, left_device), (right, right_device)]:
            self.run(where, "ethtool", "-K", device, *OFFLOADS, check=False)
            self.run(where, "ip", "link", "set", device, "up")

    def _addresses(self, where, device, *addresses):
        for address in addresses:
            no_wait = ["nodad"] if ":" in address else []
            self.run(where, "ip", "addr", "replace", address, "dev", device, *no_wait)

    def _default_routes(self, where, gateways):
        self.run(where, "ip", "route", "replace", "default", "via", gateways[0])
        self.run(where, "ip", "-6", "route", "replace", "default", "via", gateways[1])

    def _router_and_internet(self):
        self._veth("router", "wan0", "internet", "net0")
        self._addresses("router", "wan0", f"{ROUTER_WAN[0]}/24", f"{ROUTER_WAN[1]}/64")
        self._addresses("internet", "net0", f"{INTERNET[0]}/24", f"{INTERNET[1]}/64")
        self._default_routes("router", INTERNET)
        self._default_routes("internet", ROUTER_WAN)
        # An answer proves that the router masqueraded.
        self.run("internet", "ip", "route", "add", "unreachable", LAN_V4)
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]:
            self.run("router", "sysctl", "-qw", f"{key}=1")
        for table in ["iptables", "ip6tables"]:  # as OpenWrt has it; absent if no br_netfilter
            self.run("router", "sysctl", "-qw", f"net.bridge.bridge-nf-call-{table}=0", check=False)
        self.run("router", "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "wan0",
                 "-s", LAN_V4, "-j", "MASQUERADE")  # fmt: skip
        for table in ["iptables", "ip6tables"]:  # a firewall's first rule; conntrack runs for it
            self.run("router", table, "-A", "FORWARD", "-m", "conntrack", "--ctstate",
                     "ESTABLISHED,RELATED", "-j", "ACCEPT")  # fmt: skip

    def give_internet(self, addresses):
        """Puts server addresses on the Internet side.

        On net0, with a network around them: libtorrent speaks only to neighbours on others.
        """
        for address in addresses:
            self._addresses("internet", "net0", f"{address}/{64 if ':' in address else 24}")

    def bridge_up(self):
        """Makes br-lan (if need be) and brings it up with its addresses: `ifup lan`."""
        if not self.succeeds("router", "ip", "link", "show", "br-lan"):
            self.run("router", "ip", "link", "add", "br-lan", "type", "bridge",
                     "forward_delay", "0", "mcast_snooping", "0")  # fmt: skip
        for number in range(1, len(CLIENTS) + 1):
            self.run("router", "ip", "link", "set", f"lan{number}", "master", "br-lan")
        self.run("router", "ethtool", "-K", "br-lan", *OFFLOADS, check=False)
        self.run("router", "ip", "link", "set", "br-lan", "up")
        self._addresses("router", "br-lan", f"{ROUTER_LAN[0]}/24", f"{ROUTER_LAN[1]}/64")
        for client in CLIENTS:
            for gateway in ROUTER_LAN:
                ping = ["ping", "-c1", "-W1", gateway]
                wait_for(
                    f"{client} reaches {gateway}", lambda c=client, p=ping: self.succeeds(c, *p)
                )

    def bridge_down(self):
        """`ifdown lan`: the device stays, without link and IPv6 addresses."""
        self.run("router", "ip", "link", "set", "br-lan", "down")

    def bridge_delete(self):
        """What a restart of the network does: the device is gone, its index never comes back."""
        self.run("router", "ip", "link", "del", "br-lan")

    def capture(self, name, where="router", device="br-lan", only=""):
        """Starts tcpdump; returns its process and the file, once it captures."""
        path = self.scratch / f"{name}.pcap"
        # -Z root: the scratch directory is ours alone. -U: the file is read while it grows.
        # Without immediate mode the kernel keeps packets up to a second, and an end loses them.
        tcpdump = self.spawn(
            where, f"tcpdump-{name}", "tcpdump", "-i", device, "-U", "-n", "-s", 0,
            "--immediate-mode", "-B", 16384, "-Z", "root", "-w", path, *only.split(),
        )  # fmt: skip
        wait_for("tcpdump listens", lambda: "listening on" in tcpdump.output())
        return tcpdump, path
