"""Draws what training_speed_bench prints as bars against the limit, for docs/benchmarks.md.

    build/release/bin/training_speed_bench | python3 tests/bench/bars.py > docs/training_speed.svg
"""
import re
import sys

ROW = re.compile(r"^(?P<rule>\S.*?)\s+(?P<type>float\d\d)\s+\S+\s+\S+\s+\S+\s+(?P<ratio>[\d.]+) "
                 r"\((?P<low>[\d.]+)\.\.(?P<high>[\d.]+)\)\s+(?P<bound>[\d.]+)$")
LEFT, UNIT, STEP, TOP = 290, 180, 20, 56


def main():
    rows = [match.groupdict() for match in map(ROW.match, sys.stdin) if match]
    if not rows:
        sys.exit(__doc__)
    width = LEFT + UNIT * (max(float(row["high"]) for row in rows) + 0.3)
    height = TOP + STEP * len(rows) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">An epoch of training, in times of the limit of its '
        f'products</text>',
        f'<text x="{LEFT}" y="40">bar: median, whisker: quartiles, red: the bound, dashed: the limit</text>',
    ]
    for i, row in enumerate(rows):
        y = TOP + STEP * i
        ratio, low, high, bound = (LEFT + UNIT * float(row[k]) for k in ("ratio", "low", "high", "bound"))
        out += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{row["rule"]}, {row["type"]}</text>',
            f'<rect x="{LEFT}" y="{y + 2}" width="{ratio - LEFT:.1f}" height="{STEP - 6}" fill="#9ecae1"/>',
            f'<path d="M{low:.1f} {y + 9}H{high:.1f}" stroke="#08519c"/>',
            f'<path d="M{bound:.1f} {y}v{STEP - 2}" stroke="#d62728" stroke-width="2"/>',
            f'<text x="{max(ratio, high, bound) + 6:.1f}" y="{y + 13}">{row["ratio"]}</text>',
        ]
    limit = LEFT + UNIT
    out.append(f'<path d="M{limit} {TOP - 6}V{height - 8}" stroke="black" stroke-dasharray="4 3"/></svg>')
    print("\n".join(out))


if __name__ == "__main__":
    main()
