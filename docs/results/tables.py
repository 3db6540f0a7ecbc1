"""Prints the tables of docs/results.md from the exports beside this file.

    python3 docs/results/tables.py PREFIX           for example fashion_mnist_
    python3 docs/results/tables.py PREFIX angles    the last angle with the update of bp, in
                                                    degrees, of each layer's weights

Test error in percent, or test loss where there are no classes; mean and standard deviation
over the runs that ended well.
"""
import glob
import json
import os
import statistics
import sys


def text(values, scale):
    spread = f" ± {scale * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):.2f}{spread}"


def row(path):
    runs = [run for run in json.load(open(path))["runs"] if run["state"] == "SUCCEEDED"]
    has_classes = "test/error" in runs[0]["history"]
    metric, scale = ("error", 100) if has_classes else ("loss", 1)
    epochs = zip(*(run["history"]["test/" + metric] for run in runs))
    cells = [text(values, scale) for values in epochs]
    selected = [run["history"].get("selected/test_" + metric, [None])[-1] for run in runs]
    cells.append(text(selected, scale) if None not in selected else "-")
    return cells, len(runs)


def angles_row(path):
    runs = [run for run in json.load(open(path))["runs"] if run["state"] == "SUCCEEDED"]
    last = [run["measurements"]["layer/bp_angle_weight"][-1] for run in runs]
    return [text(angles, 1) for angles in zip(*last)], len(runs)


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    has_angles = sys.argv[2:] == ["angles"]
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, sys.argv[1] + "*.json"))):
        rows.append((os.path.basename(path)[: -len(".json")],) + (angles_row if has_angles else row)(path))
    # One table for each length.
    for length in sorted({len(cells) for _, cells, _ in rows}):
        names = [f"layer {i + 1}" for i in range(length)]
        if not has_angles:
            names = [f"epoch {i + 1}" for i in range(length - 1)] + ["selected"]
        print("\n| " + " | ".join(["preset"] + names + ["runs"]) + " |")
        print("|---" * (length + 2) + "|")
        for name, cells, runs in rows:
            if len(cells) == length:
                print(f"| `{name}` | " + " | ".join(cells) + f" | {runs} |")


if __name__ == "__main__":
    main()
