#!/usr/bin/env python3
"""Reads cross.toml for shell scripts: prints the target triples, or one value of a target.

targets.py                   every triple, a line each
targets.py NAME...           the triples meant: `all`, a triple, or the name of a package architecture or CPU family
targets.py --get TRIPLE KEY  a value of [router.TRIPLE]; a list has its items on lines
"""

import sys
import tomllib
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "cross.toml"
# Short names that would fit several triples mean the one that most routers have.
SHORT = {"arm": "armv7-unknown-linux-musleabihf"}


def load():
    """[router.*] by triple; each must be a target of cross-rs too."""
    with LIST.open("rb") as file:
        tables = tomllib.load(file)
    for triple in tables["router"]:
        if triple not in tables["target"]:
            sys.exit(f"cross.toml: router.{triple} has no target.{triple}")
    return tables["router"]


def meant(routers, name):
    """The triples that `name` stands for."""
    if name == "all":
        return list(routers)
    if name in routers:
        return [name]
    if name in SHORT:
        return [SHORT[name]]
    found = [t for t, r in routers.items() if name in r["packages"] or t.split("-")[0] == name]
    if not found:
        packages = " ".join(p for r in routers.values() for p in r["packages"])
        sys.exit(f"no such target: {name}\nknown: all {' '.join(routers)}\nor by package architecture: {packages}")
    return found


def main(arguments):
    routers = load()
    if arguments[:1] == ["--get"]:
        _, triple, key = arguments
        value = routers[triple][key]
        print("\n".join(value) if isinstance(value, list) else value)
        return
    triples = [t for name in arguments or ["all"] for t in meant(routers, name)]
    print("\n".join(dict.fromkeys(triples)))


main(sys.argv[1:])
