#!/usr/bin/env python3
"""What a packet costs where there is much of everything, and a picture of it.

    bench/scale.py PROGRAM [--svg FILE] [--largest N]

Instructions of `nfa replay`, counted by valgrind (cachegrind without caches): those of a capture
with some packets more, less those of the same capture without them, for each such packet. So what
was there before, and the start, is not in the figure; growing a table is, if those packets do it.
"""

import argparse
import json
import math
import pathlib
import random
import re
import subprocess
import tempfile

import captures

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROBES = 2_000
SIZES = (10, 1_000, 100_000)
NTP = b"\x23\2\6\xec" + bytes(44)  # RFC 5905: version 4, client
PLAIN = {"version": 1, "actions": {}, "targets": {}}
FILLS = {
    "version": 1,
    "actions": {"a": {"criteria": "protocol == 'ntp';", "targets": ["t"]}},
    "targets": {"t": {"target_type": "ipset", "set_name": "t", "type": "hash:ip,port,ip",
                      "managed": True, "interface": "*", "maxelem": 1 << 20}},
}


def ports(number):
    return 1024 + number % 60_000, 123


def clock(capture, number):
    """A flow of one datagram, decided by it."""
    capture.add(captures.udp(captures.client(number), captures.server(number), ports(number), NTP))


def named(capture, number, applications):
    """A flow for a host of one of so many applications: two packets."""
    host = f"www.a{number * 7919 % applications}.example"
    local, other, both = captures.client(number), captures.server(number), (ports(number)[0], 80)
    capture.add(captures.tcp(local, other, both, 0, captures.SYN, b""))
    capture.add(captures.tcp(local, other, both, 1, captures.PUSH_ACK, captures.request(host)))


class Scale:
    """Counts in one folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)

    def catalogue(self, applications):
        folder = self.folder / "apps.d"
        folder.mkdir(exist_ok=True)
        lines = (f"app:{1_000_000 + n}:test.a{n}\ndom:{1_000_000 + n}:a{n}.example\n"
                 for n in range(applications))
        (folder / "10-test.conf").write_text("".join(lines))
        return folder

    def instructions(self, make, config, catalogue):
        path, text = self.folder / "capture.pcap", self.folder / "config.json"
        capture = captures.Capture(path)
        make(capture)
        capture.close()
        text.write_text(json.dumps(config))
        result = subprocess.run(
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
             self.program, "replay", "--config", text, "--catalogue", catalogue, "--quiet",
             "--no-expiry", "--max-flows", str(1 << 18), path],
            text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=True)
        refs = re.search(r"I\s+refs:\s+([\d,]+)", result.stderr)
        return int(refs[1].replace(",", ""))

    def each(self, before, probe, config=None, applications=1):
        """Instructions of one probe; probes are numbered behind what is there before. What ends
        with the capture is in both, but for the probes' own flows."""
        config, catalogue = config or PLAIN, self.catalogue(applications)

        def base(capture):
            for number in range(before):
                clock(capture, number)

        def more(capture):
            base(capture)
            for number in range(PROBES):
                probe(capture, number)

        without = self.instructions(base, config, catalogue)
        return (self.instructions(more, config, catalogue) - without) / PROBES


def measure(scale, largest):
    """(name, [(size, instructions)]) of each curve."""
    sizes = [size for size in SIZES if size <= largest]
    rng = random.Random(1)

    def actions(count):
        rule = {"criteria": "protocol == 'ssh';", "targets": []}
        return {**PLAIN, "actions": {f"a{n}": rule for n in range(count)}}

    def again(size):
        return lambda capture, _: clock(capture, rng.randrange(size))

    def new(size):
        return lambda capture, number: clock(capture, size + number)

    def host(size):
        return lambda capture, number: named(capture, number, size)

    # A configuration has at most 4 MiB, a catalogue 65,535 applications.
    curves = [
        ("a packet of a decided flow, by flows", sizes, lambda n: scale.each(n, again(n))),
        ("a flow that begins and ends, by flows", sizes, lambda n: scale.each(n, new(n))),
        ("the same and its element, by elements", sizes, lambda n: scale.each(n, new(n), FILLS)),
        ("a named flow, by applications", [min(n, 60_000) for n in sizes],
         lambda n: scale.each(0, host(n), applications=n)),
        ("a flow, by actions", [min(n, 10_000) for n in sizes],
         lambda n: scale.each(0, new(0), actions(n))),
    ]
    for name, places, count in curves:
        points = []
        for size in places:
            points.append((size, count(size)))
            print(f"{name:42} {size:>7} {points[-1][1]:>12,.0f}", flush=True)
        yield name, points


def picture(curves):
    """Both axes by powers of ten."""
    width, height, left, top, right, bottom = 860, 420, 70, 20, 330, 50
    colours = ["#1b6ca8", "#b8321a", "#3a7d34", "#8a4fa3", "#a67c00"]
    most = math.ceil(math.log10(max(cost for _, points in curves for _, cost in points)))
    x_of = lambda size: left + (math.log10(size) - 1) / 4 * (width - left - right)
    y_of = lambda cost: height - bottom - (math.log10(cost) - 1) / (most - 1) * (height - top - bottom)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="13">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(1, 6):
        x = x_of(10 ** power)
        out.append(f'<path d="M{x:.0f} {top}V{height - bottom}" stroke="#ddd"/>'
                   f'<text x="{x:.0f}" y="{height - bottom + 18}" text-anchor="middle">{10 ** power:,}</text>')
    for power in range(1, most + 1):
        y = y_of(10 ** power)
        out.append(f'<path d="M{left} {y:.0f}H{width - right}" stroke="#ddd"/>'
                   f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{10 ** power:,}</text>')
    out.append(f'<text x="{(left + width - right) // 2}" y="{height - 10}" text-anchor="middle">'
               'how many there are</text>')
    out.append(f'<text transform="translate(14 {height // 2}) rotate(-90)" text-anchor="middle">'
               'instructions</text>')
    # Names stand at the ends of their curves, or below one another where those are close.
    places, below = {}, 0
    for name, points in sorted(curves, key=lambda curve: y_of(curve[1][-1][1])):
        places[name] = below = max(y_of(points[-1][1]), below + 17)
    for (name, points), colour in zip(curves, colours):
        line = " ".join(f"{x_of(size):.1f},{y_of(cost):.1f}" for size, cost in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x_of(size):.1f}" cy="{y_of(cost):.1f}" r="3" fill="{colour}"/>'
                for size, cost in points]
        out.append(f'<text x="{width - right + 10}" y="{places[name] + 4:.0f}" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--largest", type=int, default=max(SIZES))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        curves = list(measure(Scale(arguments.program, folder), arguments.largest))
    if arguments.svg:
        arguments.svg.write_text(picture(curves))


if __name__ == "__main__":
    main()
