#!/usr/bin/env python3
"""Peak memory of `nfa replay` with more and more open flows, each TLS and decided.

    bench/memory.py PROGRAM [FLOWS ...]       prints FLOWS, peak in kB, bytes per flow
"""

import pathlib
import os
import random
import sys
import tempfile

import captures


def peak_kilobytes(program, capture):
    """Of one replay with the headline configuration; the text that it writes is not wanted."""
    root = pathlib.Path(__file__).resolve().parent.parent
    command = [program, "replay", "--config", str(root / "docs/examples/headline.json"),
               "--catalogue", str(root / "files/usr/share/nfa/apps.d"),
               "--max-flows", "131072", "--quiet", str(capture)]
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.execv(program, command)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: status {status}")
    return usage.ru_maxrss


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
