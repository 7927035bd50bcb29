"""Networks of latents, those of the zoo and random ones, compiled and put through every check against brute force.

The whole of it takes an hour on two cores and runs under `make fuzz`; test_network_likelihoods.py is the short of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emdsl.compile import compile_model
from emdsl.errors import ModelError
from tests.compile.random_networks import pasted, random_network
from tests.oracles.networks import check_network, instance
from tests.zoo_augmented import AUGMENTED, AUGMENTED_BOUNDED
from tests.zoo_choices import CHOICES
from tests.zoo_networks import BY_NAME, EXACT, NETWORKS

#: M-steps under latent counts that the compiler adds, which brute force knows nothing of; their steps are below.
GENERALISED = (
    "linkage", "linkage_rows", "abo", "poisson_sum", "tomography", "noisy_or_written_out", "heterozygous",
    *(name for name, _, _ in (*CHOICES, *AUGMENTED, *AUGMENTED_BOUNDED)),
)  # fmt: skip

#: Starts of hard EM that keep every class large enough.
HARD_SEEDS: dict[str, int] = {}

COMPILED = [example.name for example in NETWORKS]
CLASSIFIED = [example.name for example in EXACT if example.name in COMPILED]
BAYESIAN = [name for name in COMPILED if BY_NAME[name].bayesian]
SEEDS = range(24)


@contextmanager
def shown(text: str, data: dict[str, Any]) -> Iterator[None]:
    """A failure says the model and the data, to be pasted."""
    try:
        yield
    except BaseException as error:
        error.add_note(pasted(text, data))
        raise


@pytest.mark.fuzz
@pytest.mark.parametrize("name", COMPILED)
def test_em(name: str) -> None:
    example = BY_NAME[name]
    closed = name not in GENERALISED
    check_network(example.text, example.constants, example.draw(), "em", example.exact, closed)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", CLASSIFIED)
def test_hard(name: str) -> None:
    example = BY_NAME[name]
    check_network(example.text, example.constants, example.draw(), "hard", seed=HARD_SEEDS.get(name, 0))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", BAYESIAN)
def test_vb(name: str) -> None:
    example = BY_NAME[name]
    check_network(example.text, example.constants, example.draw(), "vb")


def genes(y: Any, q: Any) -> Any:
    """Gene counts of the blood groups A, B, AB and O, homozygotes by their share."""
    a, b = (y[i] * q[i] ** 2 / (q[i] ** 2 + 2 * q[i] * q[2]) for i in (0, 1))
    counts = np.array([y[0] + a + y[2], y[1] + b + y[2], y[0] - a + y[1] - b + 2 * y[3]])
    return counts / counts.sum()


def recombinants(y: Any, t: Any) -> Any:
    mixed = y[0] * t / (2 + t)
    return (mixed + y[3]) / (mixed + y[1:].sum())


STEPS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "linkage": lambda d, p: {"t": recombinants(d["y"], p["t"])},
    "linkage_rows": lambda d, p: {"t": recombinants(d["y"].sum(0), p["t"])},
    "abo": lambda d, p: {"q": genes(d["y"], p["q"])},
    "tomography": lambda d, p: {"lam": p["lam"] * ((d["y"] / (d["a"] @ p["lam"])) @ d["a"]) / d["a"].sum(0)},
    "poisson_sum": lambda d, p: {
        "background": p["background"] * np.mean(d["y"] / (p["background"] + p["slope"] * d["x"])),
        "slope": p["slope"] * ((d["y"] / (p["background"] + p["slope"] * d["x"])) @ d["x"]) / d["x"].sum(),
    },
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_by_hand(name: str) -> None:
    """One EM step of a sum of products, against its textbook form."""
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    module = compile_model(case.bound, "em").module
    params = module.initialise(case.data, np.random.default_rng(1))
    found = module.m_step(module.e_step(case.data, params)[0], params)
    for key, value in STEPS[name](example.draw(), params).items():
        np.testing.assert_allclose(found[key], value, rtol=1e-10)


def check_random(seed: int) -> None:
    text, data, exact = random_network(seed)
    with shown(text, data):
        check_network(text, {}, data, "em", exact, fit=False)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int) -> None:
    check_random(seed)


@pytest.mark.fuzz
@given(st.integers(24, 10**9))
def test_many_random_networks(seed: int) -> None:
    """Those that are refused are left out here: the first seeds say which they are."""
    try:
        check_random(seed)
    except ModelError as error:
        if error.code != "E090":
            raise
