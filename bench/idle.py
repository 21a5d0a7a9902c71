#!/usr/bin/env python3
"""What nfa costs that has nothing to do.

    bench/idle.py PROGRAM

Prints the processor's and the clock's time of a replay of one packet, start to end (40 of them), and,
as root, what is resident of a daemon that has run for 5 seconds without traffic: its own memory
(RssAnon), and that with the pages of program and libraries (VmRSS, and Pss, where what others use
too counts in part).
"""

import os
import pathlib
import signal
import sys
import tempfile
import time

import captures
import replay
from pair import ROOT, agent, pair

RUNS = 40


def one_packet(program, folder):
    path = pathlib.Path(folder) / "one.pcap"
    capture = captures.Capture(path)
    capture.add(captures.udp(captures.client(0), captures.server(0), (1024, 53), bytes(12)))
    capture.close()
    processor, clock = [], []
    for _ in range(RUNS):
        usage, seconds = replay.run(program, path)
        processor.append((usage.ru_utime + usage.ru_stime) * 1e3)
        clock.append(seconds * 1e3)
    for name, times in (("processor", processor), ("clock", clock)):
        times.sort()
        print(f"one packet, {name}: {times[RUNS // 2]:.1f} ms median, {times[0]:.1f} ms at best")


def fields(text):
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def resident(program, folder):
    with pair(), open(pathlib.Path(folder) / "log", "w") as log:
        daemon = agent(program, ROOT / "docs/examples/headline.json", log)
        try:
            time.sleep(5)
            process = pathlib.Path(f"/proc/{daemon.pid}")
            status = fields((process / "status").read_text())
            rollup = fields((process / "smaps_rollup").read_text())
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(20)
    told = ("VmRSS", status), ("RssAnon", status), ("RssFile", status), ("VmHWM", status), ("Pss", rollup)
    print("idle: " + ", ".join(f"{name} {' '.join(of[name].split())}" for name, of in told))


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        one_packet(program, folder)
        if os.geteuid() == 0:
            resident(program, folder)
        else:
            print("idle: skipped, needs root")


if __name__ == "__main__":
    main()
