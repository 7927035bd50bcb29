"""Sums over rows: blocks add up, order does not matter, threads do not matter, and a fit repeats itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.numerics.models import FULL, Values, emitted, model
from tests.numerics.test_weights import MODELS, RUNS

EVERY = pytest.mark.parametrize(("name", "method"), RUNS, ids=lambda value: value)

#: Prints the sums of one E-step and a few steps' objectives, to the last digit.
SCRIPT = """
import numpy as np
from tests.numerics.models import FULL, emitted
rng = np.random.default_rng(0)
x = np.concatenate([rng.normal(3.0 * k, 1.0 + k, (100_000, 2)) for k in range(3)])
module, data = emitted(FULL, x=x, constants={"K": 3})
params = {"pi": np.full(3, 1 / 3), "mu": np.array([[0.0, 0], [2, 3], [7, 6]]), "S": np.tile(np.eye(2), (3, 1, 1))}
for _ in range(3):
    statistics, log_likelihood = module.e_step(data, params)
    print(log_likelihood.hex(), *(float(v).hex() for name in statistics for v in np.ravel(statistics[name])))
    params = module.m_step(statistics, params)
"""
ONE_PROCESSOR = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"


def _at_start(name: str, method: str) -> tuple[Any, Values, Values]:
    text, data, _ = MODELS[name]
    module, bound = emitted(text, method, **data)
    return module, bound, module.initialise(bound, np.random.default_rng(0))


def _rows(data: Values, chosen: Any) -> Values:
    return {key: value[chosen] if np.ndim(value) else value for key, value in data.items()}


def _close(one: tuple[Values, float], two: tuple[Values, float]) -> None:
    """To 1e-12, relative to the largest statistic: some sums are zero about their reference points."""
    np.testing.assert_allclose(one[1], two[1], rtol=1e-12)
    size = max(np.max(np.abs(value)) for value in one[0].values())
    for key, value in one[0].items():
        np.testing.assert_allclose(two[0][key], value, rtol=1e-12, atol=1e-12 * size, err_msg=key)


@EVERY
def test_blocks_of_one_row_add_up(name: str, method: str) -> None:
    module, data, params = _at_start(name, method)
    sums: Values = {}
    log_likelihood = 0.0
    for row in range(30):
        statistics, value = module.e_step(_rows(data, slice(row, row + 1)), params)
        log_likelihood += value
        sums = {key: sums.get(key, 0.0) + item for key, item in statistics.items()}
    _close(module.e_step(data, params), (sums, log_likelihood))


@EVERY
def test_the_order_of_the_rows_does_not_matter(name: str, method: str) -> None:
    module, data, params = _at_start(name, method)
    order = np.random.default_rng(1).permutation(30)
    _close(module.e_step(data, params), module.e_step(_rows(data, order), params))


@EVERY
def test_no_rows_sum_to_nothing(name: str, method: str) -> None:
    module, data, params = _at_start(name, method)
    statistics, log_likelihood = module.e_step(_rows(data, slice(0, 0)), params)
    assert log_likelihood == 0.0
    assert all(np.all(value == 0) for value in statistics.values())


@EVERY
def test_a_fit_repeats_itself(name: str, method: str) -> None:
    text, data, _ = MODELS[name]
    bound = model(text)
    one = bound.fit(method=method, n_init=2, max_iter=20, random_state=3, **data)
    two = bound.fit(method=method, n_init=2, max_iter=20, random_state=3, **data)
    np.testing.assert_array_equal(one.history, two.history)
    for key, value in one.params.items():
        np.testing.assert_array_equal(two.params[key], value, err_msg=key)


def test_many_rows_in_lanes_add_up() -> None:
    """Enough rows for several lanes and blocks, against halves of other lengths."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(3.0 * k, 1.0 + k, (30_000, 2)) for k in range(2)])
    module, data = emitted(FULL, x=x)
    params = {"pi": np.full(2, 0.5), "mu": np.array([[0.0, 0.0], [3.0, 3.0]]), "S": np.tile(np.eye(2), (2, 1, 1))}
    first, second = (module.e_step(_rows(data, part), params) for part in (slice(0, 17_001), slice(17_001, None)))
    both = {key: first[0][key] + second[0][key] for key in first[0]}, first[1] + second[1]
    _close(module.e_step(data, params), both)


def test_threads_do_not_matter() -> None:
    """To the last digit, in processes with one thread and with two, and on one processor."""
    outputs = []
    root = Path(__file__).parents[2]
    for threads, pinned in (("1", False), ("2", False), ("2", True)):
        counts = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        environment = {**os.environ, **counts, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", (ONE_PROCESSOR if pinned else "") + SCRIPT]
        done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
        outputs.append(done.stdout)
    assert outputs[0].count("\n") == 3
    assert outputs[0] == outputs[1] == outputs[2]
