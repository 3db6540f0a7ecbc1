#!/usr/bin/python3
"""The best value that Optuna's TPE finds on known functions: for sampler_quality.

usage: optuna_quality.py TRIALS SEEDS

Prints a line a function: its name, milliseconds a trial, the best value of each seed.
Needs Debian's python3-optuna.
"""
import math
import sys
import time

import optuna

HARTMANN_ALPHA = [1.0, 1.2, 3.0, 3.2]
HARTMANN_A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
              [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
HARTMANN_P = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
              [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
              [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
              [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]


def branin(x):
    term = x[1] - 5.1 / (4 * math.pi ** 2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return term ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def hartmann6(x):
    return -sum(alpha * math.exp(-sum(a * (v - p) ** 2 for a, v, p in zip(row_a, x, row_p)))
                for alpha, row_a, row_p in zip(HARTMANN_ALPHA, HARTMANN_A, HARTMANN_P))


def rastrigin(x):
    return 10 * len(x) + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in x)


FUNCTIONS = [("branin", branin, [(-5, 10), (0, 15)]),
             ("hartmann6", hartmann6, [(0, 1)] * 6),
             ("rastrigin8", rastrigin, [(-5.12, 5.12)] * 8)]


def main():
    trials, seeds = int(sys.argv[1]), int(sys.argv[2])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name, function, box in FUNCTIONS:
        best = []
        start = time.monotonic()
        for seed in range(1, seeds + 1):
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
            study.optimize(lambda trial: function(
                [trial.suggest_float("x%d" % i, low, high) for i, (low, high) in enumerate(box)]),
                n_trials=trials)
            best.append(study.best_value)
        taken = 1000 * (time.monotonic() - start) / seeds / trials
        print(name, "%.3f" % taken, *("%.17g" % value for value in best), flush=True)


if __name__ == "__main__":
    main()
