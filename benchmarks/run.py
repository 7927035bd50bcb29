"""Holds the contests and prints a table of ratios; exits with 1 if answers differ.

Usage: python -m benchmarks.run [words of the contests' names]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from benchmarks import (
    dawid_skene,
    factor_analysis,
    hidden_markov,
    latent_classes,
    linear_dynamics,
    mean_field,
    mixture_diagonal,
    mixture_full,
    mixture_variational,
    poisson_factors,
    random_intercepts,
    topics,
)
from benchmarks.contest import Contest, hold

#: Each makes its data when it is called, so that only one contest's data are in memory.
CONTESTS: tuple[tuple[str, Callable[[], Contest]], ...] = (
    *mixture_full.CONTESTS,
    *mixture_diagonal.CONTESTS,
    *mixture_variational.CONTESTS,
    *latent_classes.CONTESTS,
    *factor_analysis.CONTESTS,
    *dawid_skene.CONTESTS,
    *topics.CONTESTS,
    *poisson_factors.CONTESTS,
    *mean_field.CONTESTS,
    *random_intercepts.CONTESTS,
    *hidden_markov.CONTESTS,
    *linear_dynamics.CONTESTS,
)


def main(words: list[str]) -> int:
    """Holds the contests whose names contain one of the words, or all; returns how many gave different answers."""
    table = Table("workload", "ours, ms", "theirs, ms", "ratio", "peer", "answers differ by")
    failures = 0
    for name, make in CONTESTS:
        if words and not any(word in name for word in words):
            continue
        contest = make()
        result = hold(contest, rounds=5)
        agree = result.difference <= contest.tolerance
        failures += not agree
        table.add_row(
            contest.name,
            f"{result.ours * 1e3:.1f}",
            f"{result.theirs * 1e3:.1f}",
            f"{result.ratio:.1f}",
            f"{contest.peer} {version(contest.peer)}",
            f"{result.difference:.0e}" + ("" if agree else f", more than {contest.tolerance:.0e}"),
        )
    console = Console(width=140)
    console.print(table)
    console.print(f"numpy {version('numpy')}, {os.cpu_count()} cores; one iteration each, best of 5 taken in turn")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
