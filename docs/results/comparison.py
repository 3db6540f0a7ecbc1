"""Tunes rules with equal budgets on Fashion-MNIST and trains the best of each again with fresh
seeds, for docs/results.md. Writes comparison_RULE.json (the tuning) and
comparison_RULE_best.json (the best configuration, ten seeds) beside this file. A tuning that is
there already is not done again. All studies are kept by one store, in WORK_FOLDER.

    python3 docs/results/comparison.py BIN_FOLDER DATA_FOLDER WORK_FOLDER RULE ...
"""
import json
import os
import subprocess
import sys

PRESETS = {"bp": "BP", "dfa": "DFA", "dtp": "DTP", "dtpdrl": "DTPDRL", "ddtp_linear": "DDTPlinear",
           "ddtp_rhl": "DDTPRHL"}
EPOCHS = 9
TUNING = ["search.sampler=tpe", "search.scheduler=asha", "budget.epochs=300", "search.seed=1"]
BEST = ["search.seed=2"]
HERE = os.path.dirname(os.path.abspath(__file__))


def path_of(name):
    return os.path.join(HERE, f"{name}.json")


def common(rule):
    settings = [f"training.epochs={EPOCHS}", "training.precision=float32"]
    if rule in ("dtpdrl", "ddtp_linear", "ddtp_rhl"):  # six in the presets, tuned for a hundred epochs
        settings.append("training.feedback_schedule.pretraining_epochs=1")
    return settings


def run(folders, rule, name, options, settings):
    binaries, data, work = folders
    command = [f"{binaries}/tpsweep", "run", "--preset", f"fashion_mnist_{PRESETS[rule]}", "--name", name,
               "--dir", work, "--data", data, "-o", "json", *options]
    for setting in common(rule) + settings:
        command += ["--set", setting]
    export = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    with open(path_of(name), "wb") as out:
        out.write(export)
    return json.loads(export)


def main(folders, rules):
    for rule in rules:
        name = f"comparison_{rule}"
        if os.path.exists(path_of(name)):
            with open(path_of(name)) as done:
                tuning = json.load(done)
        else:
            tuning = run(folders, rule, name, ["--space", rule], TUNING)
        whole = [t for t in tuning["trials"] if t["state"] == "SUCCEEDED"]
        best = min(whole, key=lambda t: t["objective"])
        chosen = [f"{path}={json.dumps(value)}" for path, value in best["parameters"].items()]
        run(folders, rule, f"{name}_best", ["--replicates", "10", "--history"], BEST + chosen)
        print(f"{rule}: {len(tuning['trials'])} trials, {len(whole)} to the end, best validation error "
              f"{best['objective']:.4f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(sys.argv[1:4], sys.argv[4:])
