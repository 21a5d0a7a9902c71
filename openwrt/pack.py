#!/usr/bin/env python3
"""Packs nfa or luci-app-nfa as .ipk and .apk.

pack.py OUT nfa ARCH PROGRAM      OUT is a folder, ARCH OpenWrt's package architecture
pack.py OUT luci-app-nfa          for every architecture, and its translations luci-i18n-nfa-LANGUAGE
pack.py --sources luci-app-nfa    status 0 if there is something to pack

Files get SOURCE_DATE_EPOCH as their time, or that of the last commit: the same commit and program
give the same bytes. Needs Python 3.11 and nothing else.
"""

import os
import subprocess
import sys
from pathlib import Path

import adb
import ipk
from tree import ROOT, PackError, collect, descriptions, translations


def source_time():
    """Seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    git = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    )
    if git.returncode != 0 or not git.stdout.strip():
        raise PackError("no git history here: set SOURCE_DATE_EPOCH")
    return int(git.stdout)


def write(out, package):
    """Both files, with their sizes on standard output."""
    out.mkdir(parents=True, exist_ok=True)
    for maker in (ipk, adb):
        path = out / maker.file_name(package)
        content = maker.make(package)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)
        print(f"{path} {len(content)}")


def main(arguments):
    match arguments:
        case ["--sources", name]:
            if not any((ROOT / tree).is_dir() for tree in descriptions()[name]["trees"]):
                sys.exit(1)
        case [out, "nfa", arch, program]:
            write(Path(out), collect("nfa", arch, source_time(), program))
        case [out, "luci-app-nfa"]:
            write(Path(out), collect("luci-app-nfa", "all", source_time()))
            for package in translations(source_time()):
                write(Path(out), package)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (PackError, OSError) as error:
        sys.exit(f"pack.py: {error}")
