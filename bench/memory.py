#!/usr/bin/env python3
"""Peak memory of `nfa replay` with more and more open flows, each TLS and decided.

    bench/memory.py PROGRAM [FLOWS ...]       prints FLOWS, peak in kB, bytes per flow more than with one

Needs GNU time: the kernel counts to a process's peak what its memory was before exec(2), which would be
this interpreter's, more than nfa's own.
"""

import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import captures
import replay

TIME = shutil.which("time") or sys.exit("GNU time is missing: install Debian's package time")


def peak_kilobytes(program, capture):
    command = [TIME, "--quiet", "--format", "%M", *replay.command(program, capture, "--max-flows", "131072")]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-1])


def main():
    program = sys.argv[1]
    counts = [int(count) for count in sys.argv[2:]] or [1_000, 10_000, 100_000]
    with tempfile.TemporaryDirectory() as folder:
        least = None
        for count in [1, *counts]:
            path = pathlib.Path(folder) / "open.pcap"
            capture = captures.Capture(path)
            captures.tls_flows(capture, count, 4, random.Random(1))
            capture.close()
            peak = peak_kilobytes(program, path)
            least = least or peak
            each = (peak - least) * 1024 // count if count > 1 else "-"
            print(f"{count:>7} flows  {peak:>7} kB  {each} bytes a flow", flush=True)


if __name__ == "__main__":
    main()
