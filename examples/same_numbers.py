"""Compares a saved fit of faithful.em with what the emitted module found alone; exits with 1 if they differ.

Usage: python same_numbers.py FIT.json RESULT.json

Both stop when a step gains less than their tolerance, so the log likelihoods agree to 1e-4 and the estimates to 1e-3.
"""

import json
import sys
from pathlib import Path

import numpy as np

import emdsl


def main(fit_path: str, result_path: str) -> int:
    fit = emdsl.load(fit_path)
    alone = json.loads(Path(result_path).read_text(encoding="utf-8"))
    order = np.argsort(alone["params"]["eruption_mean"])  # components have no order of their own
    differences = {"log_likelihood": abs(fit.log_likelihood - alone["log_likelihood"])}
    for name, value in alone["params"].items():
        other = np.asarray(fit.params[name])
        differences[name] = float(np.max(np.abs(np.asarray(value)[order] - other) / (1 + np.abs(other))))
    for name, difference in differences.items():
        print(f"{name:16s} differs by {difference:.1e}")
    same = differences.pop("log_likelihood") < 1e-4 and all(difference < 1e-3 for difference in differences.values())
    print("the same numbers" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
