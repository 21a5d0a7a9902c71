"""What the kernel holds in the router: sets, rule counters and classes."""

import re
import threading
import time

ADD = re.compile(r"^add (\S+) (\S+)(?: timeout (\d+))?", re.MULTILINE)
CREATE = re.compile(r"^create (\S+) (.*)$", re.MULTILINE)
CLASS = re.compile(r"class htb (\S+) .*\n Sent (\d+) bytes (\d+) pkt")


class Sets:
    """One reading of all sets."""

    def __init__(self, text):
        self.shapes = dict(CREATE.findall(text))
        self.members = {name: {} for name in self.shapes}
        for name, member, timeout in ADD.findall(text):
            self.members[name][member] = int(timeout or 0)

    def of(self, name):
        """Member -> seconds left; a set that is not there has no members."""
        return self.members.get(name, {})

    def pairs(self):
        return {(name, member) for name, members in self.members.items() for member in members}


def read_sets(lab):
    return Sets(lab.run("router", "ipset", "list", "-o", "save"))


class Watcher(threading.Thread):
    """Reads the sets all the time, so that a member that came and went is not missed."""

    def __init__(self, lab, every=0.2):
        super().__init__(daemon=True)
        self.lab, self.every = lab, every
        self.first_seen = {}  # (set, member) -> wall clock, as in captures
        self.worst_timeout = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(self.every):
            now = time.time()
            for name, members in read_sets(self.lab).members.items():
                for member, timeout in members.items():
                    self.first_seen.setdefault((name, member), now)
                    self.worst_timeout = max(self.worst_timeout, timeout)

    def stop(self):
        self.over.set()
        self.join()


def rule_packets(lab, table, chain, set_name):
    """The packet counter of the rule on a set."""
    for line in lab.run("router", table, "-t", "mangle", "-nvxL", chain).splitlines():
        if f"match-set {set_name} " in line:
            return int(line.split()[0])
    raise LookupError(f"no rule on {set_name} in {chain}")


def class_packets(lab, device, classid):
    """The packet counter of an htb class."""
    for name, _, packets in CLASS.findall(
        lab.run("router", "tc", "-s", "class", "show", "dev", device)
    ):
        if name == classid:
            return int(packets)
    raise LookupError(f"no class {classid} on {device}")


def filter_by_mark(lab, device, parent, mark, classid):
    """Sends packets with a mark to a class: by u32, or by bpf where u32 cannot.

    A kernel without CONFIG_CLS_U32_MARK accepts `u32 match mark`, drops the condition silently and
    so matches every packet. Only reading the filter back tells.
    """
    start = ["tc", "filter", "add", "dev", device, "parent", parent, "protocol", "all", "prio", 1]
    lab.run("router", *start, "u32", "match", "mark", hex(mark), "0xffffffff", "flowid", classid)
    if " mark " in lab.run("router", "tc", "filter", "show", "dev", device, "parent", parent):
        return
    print(f"note: this kernel's u32 ignores marks; {device} uses bpf", flush=True)
    lab.run("router", "tc", "filter", "del", "dev", device, "parent", parent, "prio", 1)
    # ld mark (SKF_AD_OFF + SKF_AD_MARK); jeq MARK; ret -1: take flowid; ret 0: no match.
    program = f"4,32 0 0 4294963220,21 0 1 {mark},6 0 0 4294967295,6 0 0 0,"
    lab.run("router", *start, "bpf", "bytecode", program, "flowid", classid)
