#!/usr/bin/env python3
"""The licences of every crate that is in the router's program, as docs/licences.md.

    scripts/licences.py           writes the file
    scripts/licences.py --check   fails if it would differ
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "docs/licences.md"
# Any of the targets that packages are built for: their dependencies are the same.
PLATFORM = "mipsel-unknown-linux-musl"
HEAD = """# Licences

nfa itself is under MIT or Apache-2.0, at your choice. These crates are in its program too, each under
one of the licences that it names (`OR`: at your choice). Written by `scripts/licences.py` from
`Cargo.lock` and the crates' own manifests; `./test supply` checks that nothing is missing here and, by
`deny.toml`, that no other licence comes in. libpcap, which is linked in, is under BSD-3-Clause, and
musl, in the packages, under MIT.

| crate | version | licence |
|---|---|---|
"""


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", PLATFORM]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def linked(data):
    """Identifiers of the packages that the program is made of: no build scripts, no tests."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found, todo = set(), [data["resolve"]["root"]]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            kinds = [kind["kind"] for kind in dependency["dep_kinds"]]
            if None in kinds and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    return found


def table():
    data = metadata()
    macros = {p["id"] for p in data["packages"] if p["targets"][0]["kind"] == ["proc-macro"]}
    wanted = linked(data) - macros
    rows = []
    for package in data["packages"]:
        if package["id"] in wanted:
            if not package["license"]:
                sys.exit(f"{package['name']} names no licence")
            rows.append((package["name"], package["version"], package["license"].replace("/", " OR ")))
    if len(rows) < 5:
        sys.exit(f"only {len(rows)} crates: this cannot be all")
    return HEAD + "".join(f"| {name} | {version} | {licence} |\n" for name, version, licence in sorted(rows))


text = table()
if sys.argv[1:] == ["--check"]:
    if FILE.read_text() != text:
        sys.exit("docs/licences.md is not of this Cargo.lock: run scripts/licences.py")
    print(f"docs/licences.md: {text.count(chr(10)) - HEAD.count(chr(10))} crates, as in Cargo.lock")
else:
    FILE.write_text(text)
