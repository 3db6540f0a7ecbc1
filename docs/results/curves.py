"""Draws curves with bands as SVG, for docs/results.md.

    python3 docs/results/curves.py learning TITLE EXPORT.json ... > PICTURE.svg
        the test error of each export (tpsweep run -o json --history) by epoch, mean and
        range over its runs
    python3 docs/results/curves.py regret TITLE COURSES.csv SLOTS > PICTURE.svg
        what tpsweep-server simulate --csv wrote, for one number of slots, mean and
        95 % interval, both axes logarithmic
"""
import csv
import json
import math
import os
import statistics
import sys

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 520, 40, 390
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf"]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ticks(low, high, is_log):
    if is_log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        marks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    else:
        step = 10 ** math.floor(math.log10((high - low) / 4))
        step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if (high - low) / s <= 8)
        marks = [i * step for i in range(math.floor(low / step), math.ceil(high / step) + 1)]
    return [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]


class Axis:
    def __init__(self, low, high, first, last, is_log):
        self.is_log, self.low, self.high, self.first, self.last = is_log, low, high, first, last

    def __call__(self, value):
        value = min(max(value, self.low), self.high)
        f = math.log if self.is_log else float
        share = (f(value) - f(self.low)) / (f(self.high) - f(self.low))
        return self.first + share * (self.last - self.first)


def draw(title, x_title, y_title, curves, x_log=False, y_log=False):
    """curves: (label, [(x, y, low, high)])"""
    xs = [p[0] for _, points in curves for p in points]
    ys = [p[1] for _, points in curves for p in points]
    low, high = min(ys), max(ys)
    margin = 0 if y_log else 0.05 * (high - low)
    x = Axis(min(xs), max(xs), LEFT, RIGHT, x_log)
    y = Axis(low - margin, high + margin, BOTTOM, TOP, y_log)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 36}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 8}" text-anchor="middle">{escape(y_title)}</text>',
    ]
    for mark in ticks(x.low, x.high, x_log):
        out.append(f'<path d="M{x(mark):.1f} {TOP}V{BOTTOM}" stroke="#ddd"/>'
                   f'<text x="{x(mark):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{mark:g}</text>')
    for mark in ticks(y.low, y.high, y_log):
        out.append(f'<path d="M{LEFT} {y(mark):.1f}H{RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>')
    for i, (label, points) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        band = [(p[0], p[3]) for p in points] + [(p[0], p[2]) for p in reversed(points)]
        corners = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in band)
        line = " ".join(f"{x(p[0]):.1f},{y(p[1]):.1f}" for p in points)
        out.append(f'<polygon points="{corners}" fill="{colour}" opacity="0.15"/>'
                   f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
                   f'<text x="{RIGHT + 12}" y="{TOP + 12 + 18 * i}" fill="{colour}">{escape(label)}</text>')
    return "\n".join(out + ["</svg>"])


def learning(title, paths):
    curves = []
    for path in paths:
        runs = [run for run in json.load(open(path))["runs"] if run["state"] == "SUCCEEDED"]
        points = []
        for epoch, errors in enumerate(zip(*(run["history"]["test/error"] for run in runs)), 1):
            points.append((epoch, 100 * statistics.mean(errors), 100 * min(errors), 100 * max(errors)))
        curves.append((os.path.basename(path)[: -len(".json")], points))
    return draw(title, "epoch", "test error, %", curves)


def regret(title, path, slots):
    curves = {}
    for row in csv.DictReader(open(path)):
        if row["slots"] != slots:
            continue
        point = [float(row[name]) for name in ("epochs", "regret", "low", "high")]
        curves.setdefault(row["sweep"], []).append(point)
    smallest = min(p[1] for points in curves.values() for p in points if p[1] > 0) / 2
    for points in curves.values():  # a regret of zero has no place on this axis
        for point in points:
            point[1:] = [max(value, smallest) for value in point[1:]]
    return draw(title, "epochs of all runs", "regret", list(curves.items()), True, True)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    print(learning(sys.argv[2], sys.argv[3:]) if sys.argv[1] == "learning" else regret(*sys.argv[2:]))
