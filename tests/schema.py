#!/usr/bin/python3
"""docs/config.schema.json takes good configurations and refuses malformed ones.

Needs python3-jsonschema. What criteria say is `nfa check`'s business, not the schema's.
"""

import copy
import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent
# Samples of tests/check that are refused by their form, with places that must be named. Where
# none is given, the whole is of another type.
MALFORMED = {
    "a11": ["targets/good", "targets/list/type", "targets/long/set_name", ""],
    "exemptions": ["exemptions", "actions/a/exemptions"],
    "interfaces": ["interfaces/wan/role", "interfaces/eth1", "local_networks"],
    "list": [""],
    "misspelt": ["", "actions/b"],
    "no-criteria": ["actions/a", "actions/b/criteria", "actions/c/criteria"],
    "not-texts": ["actions/number/criteria", "actions/yes/enabled", "actions/empty/criteria"],
    "overlong": ["targets/over/set_name"],
    "targets": ["target_defaults", "targets/off/ttl", "targets/space/set_name"],
    "targets-list": ["targets", "actions/b/targets"],
    "wrong-types": ["version", "actions", "targets/a/ttl", "targets/b", "targets/c", "targets/d"],
}


def objects(value, path=()):
    """Every object in a value, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            yield from objects(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from objects(inner, (*path, number))


def main():
    schema = json.loads((ROOT / "docs/config.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    failures = []

    good = sorted((ROOT / "tests/config/good").glob("*.json")) + [ROOT / "docs/examples/headline.json"]
    strangers = 0
    for path in good:
        config = json.loads(path.read_text())
        for error in validator.iter_errors(config):
            failures.append(f"{path.name}: {error.json_path}: {error.message}")
        # A key that nobody knows is refused wherever names are not the user's own.
        for place, _ in objects(config):
            if place in [("actions",), ("targets",), ("interfaces",)]:
                continue
            stranger = copy.deepcopy(config)
            inner = stranger
            for step in place:
                inner = inner[step]
            inner["stranger"] = True
            strangers += 1
            if validator.is_valid(stranger):
                failures.append(f"{path.name}: a stranger in /{'/'.join(map(str, place))} is taken")

    for name, places in MALFORMED.items():
        config = json.loads((ROOT / f"tests/check/{name}.json").read_text())
        found = {"/".join(map(str, error.path)) for error in validator.iter_errors(config)}
        for place in places:
            if place not in found:
                failures.append(f"{name}: nothing is said of /{place}, only of {sorted(found)}")

    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(good)} good, {strangers} with a stranger, {len(MALFORMED)} malformed")
    return 1 if failures or len(good) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
