"""The shipped defaults, read by a parser of UCI that is not ours (uciparse, from PyPI)."""

import sys
from pathlib import Path

from uciparse.uci import UciFile, UciParseError

ROOT = Path(__file__).resolve().parent.parent.parent


def read(path):
    """The sections of a file: (type, name, options), as this parser understands them."""
    parsed = UciFile.from_file(str(path))
    sections = []
    for line in parsed.lines:
        kind = type(line).__name__
        if kind == "UciConfigLine":
            sections.append((line.section, line.name, []))
        elif kind in ("UciOptionLine", "UciListLine"):
            sections[-1][2].append((line.name, line.value))
    return sections


def main():
    path = ROOT / "files/etc/config/nfa"
    sections = read(path)
    text = path.read_text()
    assert len(sections) == text.count("\nconfig "), len(sections)
    options = sum(len(options) for _, _, options in sections)
    assert options == text.count("\n\toption ") + text.count("\n\tlist "), options
    assert sections[0][:2] == ("globals", "globals") and ("enabled", "0") in sections[0][2]
    exemption = dict(next(o for k, n, o in sections if n == "social"))["exemption"]
    assert exemption == "app == 'netify.twitter';", exemption
    # It refuses what is none: else the test would say nothing.
    try:
        UciFile.from_lines(["config rule 'x"])
    except UciParseError:
        print(f"{path.relative_to(ROOT)}: {len(sections)} sections, {options} options")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
