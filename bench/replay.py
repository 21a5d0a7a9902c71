"""One `nfa replay` with the headline configuration, and what the kernel says it took."""

import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def command(program, capture, *options):
    """Its words."""
    return [program, "replay", "--config", str(ROOT / "docs/examples/headline.json"),
            "--catalogue", str(ROOT / "files/usr/share/nfa/apps.d"), *options, "--quiet", str(capture)]


def run(program, capture, *options):
    """Its resource usage (wait4(2)) and the seconds it took; the text that it writes is not wanted. The usage's
    ru_maxrss is not its own but this interpreter's, where that is more."""
    words = command(program, capture, *options)
    start = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it itself
    if status != 0:
        sys.exit(f"{' '.join(words)}: status {status}")
    return usage, seconds
