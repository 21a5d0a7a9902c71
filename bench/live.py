#!/usr/bin/env python3
"""What bulk traffic costs the agent, with the kernel's filters and with less of them. Needs root.

    bench/live.py PROGRAM [--seconds N]

iperf3 between two namespaces while the agent captures in one of them: TCP, as fast as the machine
goes, several streams. With all rights the kernel drops packets of decided flows (eBPF); without
CAP_BPF and CAP_SYS_ADMIN it drops only bare acknowledgements (classic BPF). Prints what iperf3
moved, the agent's share of one processor, and its own counters.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from pair import ADDRESS, CLIENT, DEVICE, ROOT, ROUTER, agent, inside, pair

STREAMS = 4


def processor_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13]]


def received():
    text = subprocess.run(inside(ROUTER, "cat", f"/sys/class/net/{DEVICE[ROUTER]}/statistics/rx_packets"),
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(text)


def measure(program, seconds, *before):
    with pair(), tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(inside(ROUTER, "iperf3", "--server", "--one-off"),
                                  stdout=subprocess.DEVNULL)
        path = pathlib.Path(folder) / "log"
        with open(path, "w") as log:
            daemon = agent(program, ROOT / "docs/examples/headline.json", log, *before) if program else None
            time.sleep(2)
            start, packets = processor_seconds(daemon.pid) if daemon else [0, 0], received()
            result = subprocess.run(
                inside(CLIENT, "iperf3", "--client", ADDRESS[ROUTER], "--time", seconds,
                       "--parallel", STREAMS, "--json"), stdout=subprocess.PIPE, check=True)
            packets = received() - packets
            user, system = 0, 0
            if daemon:
                user, system = (now - then for now, then in zip(processor_seconds(daemon.pid), start))
                daemon.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(10)
        server.wait(10)
        rate = json.loads(result.stdout)["end"]["sum_received"]["bits_per_second"]
        print(f"  {rate / 1e9:.2f} Gbit/s, {packets / seconds:.0f} packets/s received; the agent "
              f"took {100 * user / seconds:.1f} % user and {100 * system / seconds:.1f} % system")
        print("".join(f"  | {line}\n" for line in path.read_text().splitlines()) if daemon else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    print("no agent")
    measure(None, arguments.seconds)
    print("the kernel drops decided flows")
    measure(arguments.program, arguments.seconds)
    print("the kernel drops bare acknowledgements only")
    measure(arguments.program, arguments.seconds,
            "setpriv", "--bounding-set", "-bpf,-sys_admin", "--inh-caps", "-bpf,-sys_admin")


if __name__ == "__main__":
    main()
