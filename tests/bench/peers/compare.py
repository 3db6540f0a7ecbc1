"""Compares the training speed of tpsweep-worker with PyTorch's, in turn in one run.

    compare.py WORKER [THREADS [REPETITIONS]]

Needs Debian's python3-torch. Prints medians over the repetitions: seconds of an epoch, and by what
factor PyTorch takes longer. `careful` and `autograd` are what torch_training.py says.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

SPEC = """dataset: {name: fashion-mnist, validation: 5000}
network: {hidden: [256, 256, 256, 256, 256], activation: tanh, initialiser: xavier_normal}
forward: {lr: 1.0e-4, adam: {}}
batch_size: 128
precision: float32
"""
RULES = {
    "bp": "rule: bp\n",
    "ddtp_linear": "rule: {ddtp_linear: {}}\nfeedback: {lr: 1.0e-4, adam: {}}\n"
    "feedback_schedule: {extra_epochs: 1}\n",
}
BATCHES = 50
PEER = pathlib.Path(__file__).with_name("torch_training.py")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ours(worker, rule, threads):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as spec:
        spec.write(SPEC + RULES[rule])
        spec.flush()
        report = json.loads(
            run(worker, "bench", spec.name, "--threads", threads, "--repetitions", "1", "-o", "json")
        )
    return report["runs"][0]["seconds_per_epoch"]


def main():
    worker = sys.argv[1]
    threads = sys.argv[2] if len(sys.argv) > 2 else "1"
    repetitions = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    print(f"{threads} thread(s), medians of {repetitions}")
    print(f"{'rule':<12} {'who':<18} {'s an epoch':>10} {'times tpsweep':>14}")
    for rule in RULES:
        seconds = {"tpsweep": [], "torch, careful": [], "torch, autograd": []}
        for _ in range(repetitions):
            seconds["tpsweep"].append(ours(worker, rule, threads))
            for way in ("careful", "autograd"):
                out = run("/usr/bin/python3", str(PEER), rule, way, threads, str(BATCHES))
                seconds[f"torch, {way}"].append(float(out))
        for who, values in seconds.items():
            ratios = [value / mine for value, mine in zip(values, seconds["tpsweep"])]
            print(
                f"{rule:<12} {who:<18} {statistics.median(values):>10.3g}"
                f" {statistics.median(ratios):>8.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
