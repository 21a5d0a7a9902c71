"""The soak's samples as a picture: one curve for each figure over time, SVG without any library.

    soak_picture.py SAMPLES.json PICTURE.svg
"""

import json
import sys
from pathlib import Path

WIDTH, LEFT, RIGHT, TOP = 860, 150, 32, 56
PANEL, GAP = 84, 26
# Title, unit, key of a sample, colour.
PANELS = [
    ("memory", "KiB resident", "rss_kib", "#1f6feb"),
    ("descriptors", "open", "fds", "#8250df"),
    ("elements", "members of ipsets", "members", "#1a7f37"),
    ("lost and wrong", "members, summed up", "lost", "#cf222e"),
    ("log", "bytes, summed up", "log_bytes", "#9a6700"),
    ("flows", "live", "flows", "#57606a"),
]
MARKS = {"fw4": "#d4a72c", "lin": "#cf222e"}


def text(x, y, words, size=12, anchor="start", colour="#24292f"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}">{words}</text>')  # fmt: skip


def panel(top, title, unit, values, times, end, colour):
    """A curve with its scale from zero."""
    most = max(*values, 1)
    span = WIDTH - LEFT - RIGHT
    points = " ".join(
        f"{LEFT + at / end * span:.1f},{top + PANEL - value / most * PANEL:.1f}"
        for at, value in zip(times, values)
    )
    return [
        f'<rect x="{LEFT}" y="{top}" width="{span}" height="{PANEL}" fill="#f6f8fa"/>',
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>',
        text(8, top + 18, title, 13),
        text(8, top + 34, unit, 11, colour="#57606a"),
        text(8, top + 56, f"most {most if max(values) else 0}", 11, colour="#57606a"),
        text(8, top + 72, f"last {values[-1]}", 11, colour="#57606a"),
    ]


def draw(kept):
    """The whole picture of what soak.py keeps."""
    samples, events = kept["samples"], kept["events"]
    times = [sample["t"] for sample in samples]
    end = max(times[-1], 1)
    height = TOP + len(PANELS) * (PANEL + GAP) + 30
    last = samples[-1]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(8, 22, f"Soak of {end / 60:.0f} minutes at {kept['commit']}: {last['begun']} flows, "
                    f"{len(events)} disturbances, {kept['judged']} times a member looked for", 14),
        text(8, 42, "yellow: firewall restarted or reloaded; red: br-lan down or replaced; "
                    "grey: reloads, flushes", 11, colour="#57606a"),
    ]  # fmt: skip
    for number, (title, unit, key, colour) in enumerate(PANELS):
        top = TOP + number * (PANEL + GAP)
        values = [sample[key] for sample in samples]
        if key == "lost":
            values = [sample["lost"] + sample["wrong"] for sample in samples]
        lines += panel(top, title, unit, values, times, end, colour)
    bottom = TOP + len(PANELS) * (PANEL + GAP)
    for at, kind in events:
        x = LEFT + min(at / end, 1) * (WIDTH - LEFT - RIGHT)
        colour = MARKS.get(kind[:3], "#afb8c1")
        lines.append(
            f'<line x1="{x:.1f}" y1="{bottom - 10}" x2="{x:.1f}" y2="{bottom - 2}" '
            f'stroke="{colour}"/>'
        )
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        lines.append(text(x, bottom + 14, f"{end * share / 60:.0f} min", 11, "middle"))
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(json.loads(Path(sys.argv[1]).read_text())))
