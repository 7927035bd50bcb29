"""The oracles on networks: all of the zoo is within their reach, and they agree with formulas written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from tests.oracles import charts
from tests.oracles.interpreter import log_prior
from tests.oracles.marginal import Exact, log_likelihood
from tests.oracles.networks import Instance, instance
from tests.zoo_networks import BY_NAME, EXACT, NETWORKS, Network

Array = np.ndarray[Any, Any]


def drawn(name: str, seed: int = 5) -> tuple[Instance, dict[str, Array]]:
    """A model of the zoo with its data, and random parameters."""
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    return case, charts.random_params(case.model, case.constants, case.data, np.random.default_rng(seed))


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(NETWORKS)


@pytest.mark.parametrize("example", NETWORKS, ids=lambda example: example.name)
def test_priors_are_finite(example: Network) -> None:
    """That likelihoods are is told by `tests/compile/test_network_likelihoods.py`, where they are needed anyway."""
    case, params = drawn(example.name)
    assert np.isfinite(log_prior(case.model, case.constants, {**case.data, **params}))


NESTED = tuple(example for example in NETWORKS if any(isinstance(value, list) for value in example.draw().values()))


@pytest.mark.parametrize("example", NESTED, ids=lambda example: example.name)
def test_likelihoods_are_the_same_in_either_layout_of_the_data(example: Network) -> None:
    case, params = drawn(example.name)
    flat = log_likelihood(case.model, case.constants, case.data, params)
    nested = log_likelihood(case.model, case.constants, {**case.data, **example.draw()}, params)
    assert nested == pytest.approx(flat, rel=1e-12)


#: Integrals over latents without a closed form, and sums over many states, many times over: `make fuzz`.
LONG = (
    "dirichlet_multinomial_mixture", "beta_chain", "two_children", "gamma_chain", "gamma_of_two_states",
    "gamma_mixture_map", "beta_binomial_mixture", "student_mixture", "gamma_poisson_groups", "dirichlet_multinomial",
    "robust_regression", "gamma_classes_ragged", "gamma_class_chain", "seasonal", "moving_classes",
    "delayed_common_walk",
)  # fmt: skip


@pytest.mark.parametrize(
    "example",
    [pytest.param(one, marks=[pytest.mark.fuzz] if one.name in LONG else []) for one in EXACT],
    ids=[one.name for one in EXACT],
)
def test_fishers_identity(example: Network) -> None:
    """The gradient of the expected log joint is that of the log likelihood: posterior and marginal agree."""
    case, params = drawn(example.name)
    kinds, rng = charts.kinds(case.model), np.random.default_rng(6)
    direction = {name: rng.standard_normal(value.shape) / 2 for name, value in params.items()}
    held = {name: charts.held(case.model, name, value.shape) for name, value in params.items()}

    def at(step: float) -> dict[str, Array]:
        return {k: charts.move(v, step * direction[k], kinds[k], held[k]) for k, v in params.items()}

    exact = Exact(case.model, case.constants, case.data, params)
    if params:
        score = charts.slope(lambda step: log_likelihood(case.model, case.constants, case.data, at(step)))
        found = charts.slope(partial(lambda exact, step: exact.expected_log_joint(at(step)), exact))
        assert found == pytest.approx(score, rel=1e-6, abs=1e-6)
    for table in exact.posterior().values():
        for name, value in table.items():
            for row in rows_of(value):
                assert np.isfinite(row).all()
                if name == "probabilities":
                    assert_allclose(np.sum(row, axis=-1), 1.0, rtol=1e-9)


def rows_of(value: Array | list[Any]) -> Iterator[Array]:
    """The arrays of nested lists."""
    if isinstance(value, list):
        for part in value:
            yield from rows_of(part)
    else:
        yield value


# Formulas by hand


def forward(start: Array, matrix: Array, emitted: Array) -> float:
    """log likelihood of one sequence from the densities `emitted` (t, k)."""
    alpha, total = start * emitted[0], 0.0
    for row in emitted[1:]:
        total, alpha = total + np.log(alpha.sum()), (alpha / alpha.sum()) @ matrix * row
    return float(total + np.log(alpha.sum()))


def normal(x: Array, mean: Array, cov: Array) -> float:
    seen = ~np.isnan(x)
    return float(
        stats.multivariate_normal.logpdf(x[seen], np.broadcast_to(mean, x.shape)[seen], cov[np.ix_(seen, seen)])
    )


def poisson_ragged(data: Any, p: Any) -> float:
    return sum(forward(p["start"], p["A"], stats.poisson.pmf(y[:, None], p["rate"])) for y in data["y"])


def normal_chain_missing(data: Any, p: Any) -> float:
    density = [stats.norm.pdf(y[:, None], p["m"], np.sqrt(p["v"])) for y in data["y"]]
    return sum(forward(p["start"], p["A"], np.where(np.isnan(d), 1.0, d)) for d in density)


def autoregressive_chain(data: Any, p: Any) -> float:
    before = np.column_stack([np.zeros(3), data["y"][:, :-1]])
    emitted = stats.norm.pdf(data["y"][..., None], p["m"] + p["a"] * before[..., None], np.sqrt(p["v"]))
    return sum(forward(p["start"], p["A"], rows) for rows in emitted)


def chain_labels(data: Any, p: Any) -> float:
    emitted = stats.poisson.pmf(data["y"][..., None], p["rate"])
    known = np.isnan(data["z"])[..., None] | (data["z"][..., None] == np.arange(2))
    return sum(forward(p["start"], p["A"], rows) for rows in emitted * known)


def chain_classes(data: Any, p: Any) -> float:
    rows = stats.poisson.pmf(data["y"][..., None], p["rate"])
    return sum(
        special.logsumexp([np.log(r) + forward(p["start"], a, row) for r, a in zip(p["rho"], p["A"], strict=True)])
        for row in rows
    )


def two_lags(data: Any, p: Any) -> float:
    """As a chain of pairs (z[t-1], z[t]) with states 2 i + j."""
    total = 0.0
    for y in data["y"]:
        density = stats.poisson.pmf(y[:, None], p["rate"])
        start = (p["start"] * density[0])[:, None] * p["next"]
        matrix = np.zeros((4, 4))
        for i, j, k in itertools.product(range(2), repeat=3):
            matrix[2 * i + j, 2 * j + k] = p["A"][j, i, k]
        total += forward(start.ravel(), matrix, np.tile(density[1:], (1, 2)))
    return total


def two_chains(data: Any, p: Any) -> float:
    mean = (p["m"][:, None] + p["h"]).ravel()
    emitted = stats.norm.pdf(data["y"][..., None], mean, np.sqrt(p["v"]))
    return sum(forward(np.full(4, 0.25), np.kron(p["A"], p["B"]), rows) for rows in emitted)


def chain_map(data: Any, p: Any) -> float:
    emitted = stats.poisson.pmf(data["y"][..., None], p["rate"])
    return sum(w * forward(p["start"], p["A"], e) for w, e in zip(data["weights.s"], emitted, strict=True))


def local_level(data: Any, p: Any) -> float:
    t = np.arange(9)
    return normal(data["y"], p["m0"], 1 + p["q"] * np.minimum.outer(t, t) + p["r"] * np.eye(9))


def autoregressive_state(data: Any, p: Any) -> float:
    t = np.arange(5)
    powers = np.where(t[:, None] >= t, p["a"] ** np.maximum(t[:, None] - t, 0), 0.0)
    cov = powers @ np.diag([4.0, *[p["q"]] * 4]) @ powers.T + p["r"] * np.eye(5)
    return sum(normal(y, np.zeros(5), cov) for y in data["y"])


def known_start(data: Any, p: Any) -> float:
    total = 0.0
    for y in data["y"]:
        t = np.arange(len(y))
        powers = np.where(t[:, None] >= t, p["a"] ** np.maximum(t[:, None] - t, 0), 0.0)
        cov = powers @ np.diag([0.0, *[1.0] * (len(y) - 1)]) @ powers.T + p["r"] * np.eye(len(y))
        total += normal(y, p["a"] ** t, cov)
    return total


def vector_state(data: Any, p: Any) -> float:
    powers = [np.linalg.matrix_power(p["F"], i) for i in range(4)]
    zero = np.zeros((2, 2))
    grown = np.block([[powers[i - j] if i >= j else zero for j in range(4)] for i in range(4)])
    noise = np.kron(np.eye(4), p["Q"])
    noise[:2, :2] = np.eye(2)
    look = np.kron(np.eye(4), data["H"])
    cov = look @ grown @ noise @ grown.T @ look.T + np.kron(np.eye(4), np.diag(p["r"]))
    return sum(normal(y.ravel(), np.zeros(12), cov) for y in data["y"])


def crossed(data: Any, p: Any) -> float:
    same = [np.equal.outer(data[name], data[name]).astype(float) for name in ("user", "item")]
    return normal(data["y"], p["m"], p["tau"] * same[0] + p["om"] * same[1] + p["v"] * np.eye(len(data["y"])))


def schools(data: Any, p: Any) -> float:
    school = data["school"][data["room"]]
    same = [np.equal.outer(g, g).astype(float) for g in (school, data["room"])]
    return normal(data["y"], p["m"], p["tau"] * same[0] + p["om"] * same[1] + p["v"] * np.eye(len(data["y"])))


def slopes(data: Any, p: Any) -> float:
    x, same = data["X"], np.equal.outer(data["grp"], data["grp"])
    return normal(data["y"], x @ p["m"], (x @ p["S"] @ x.T) * same + p["v"] * np.eye(len(x)))


def intercept_classes(data: Any, p: Any) -> float:
    total = 0.0
    for g in range(5):
        y = data["y"][data["grp"] == g]
        cov = p["tau"] * np.ones((len(y), len(y))) + p["v"] * np.eye(len(y))
        total += special.logsumexp([np.log(w) + normal(y, m, cov) for w, m in zip(p["pi"], p["m"], strict=True)])
    return total


def ridge(data: Any, p: Any) -> float:
    return normal(data["y"], np.zeros(12), p["tau"] * data["X"] @ data["X"].T + p["v"] * np.eye(12))


def gamma_poisson(data: Any, p: Any) -> float:
    return float(stats.nbinom.logpmf(data["y"], 2, p["b"] / (p["b"] + data["e"])).sum())


def gamma_poisson_groups(data: Any, p: Any) -> float:
    total = -special.gammaln(data["y"] + 1).sum() + special.xlogy(data["y"], data["e"]).sum()
    for g in range(5):
        y, e = (data[name][data["grp"] == g].sum() for name in ("y", "e"))
        b = p["b"]
        total += special.logsumexp(
            np.log(p["pi"]) + 3 * np.log(b) - (3 + y) * np.log(b + e) + special.gammaln(3 + y) - special.gammaln(3)
        )
    return float(total)


def beta_binomial(data: Any, p: Any) -> float:
    return float(stats.betabinom.logpmf(data["y"], data["trials"], 2, 1.5).sum())


def beta_binomial_mixture(data: Any, p: Any) -> float:
    each = stats.betabinom.pmf(data["y"][:, None], data["trials"][:, None], data["a"], data["b"])
    return float(np.log(each @ p["pi"]).sum())


def dirichlet_multinomial(data: Any, p: Any) -> float:
    return float(stats.dirichlet_multinomial.logpmf(data["y"], [2, 1.5, 3], data["total"]).sum())


def robust_regression(data: Any, p: Any) -> float:
    return float(stats.t.logpdf(data["y"], 4, data["X"] @ p["b"], 1 / np.sqrt(p["tau"])).sum())


def noisy_or(data: Any, p: Any) -> float:
    on = 1 - (1 - p["leak"]) * (1 - p["p"] * data["a"]) * (1 - p["q"] * data["b"])
    return float(stats.bernoulli.logpmf(data["y"], on).sum())


def noisy_or_hidden(data: Any, p: Any) -> float:
    total = []
    for a, b in itertools.product(range(2), repeat=2):
        on = 1 - 0.95 * (1 - p["p"] * a) * (1 - p["q"] * b)
        prior = stats.bernoulli.logpmf(a, p["pa"]) + stats.bernoulli.logpmf(b, p["pb"])
        total.append(prior + stats.bernoulli.logpmf(data["y"], on).sum(1))
    return float(special.logsumexp(total, axis=0).sum())


def alignment(data: Any, p: Any) -> float:
    pairs = zip(data["e"], data["f"], strict=True)
    return float(sum(np.log(p["trans"][e][:, f].mean(0)).sum() for e, f in pairs))


def dawid_skene(data: Any, p: Any) -> float:
    total = np.tile(np.log(p["pi"]), (6, 1))
    np.add.at(total, data["item"], np.log(p["conf"][data["rater"], :, data["y"]]))
    return float(special.logsumexp(total, axis=1).sum())


def alleles(data: Any, p: Any) -> float:
    a, b, o = p["q"]
    return float(np.log(np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])[data["y"]]).sum())


def phylogeny(data: Any, p: Any) -> float:
    left, right = (p["P"] @ (p["Q"][:, data[i]] * p["Q"][:, data[j]]) for i, j in ("ab", "cd"))
    return float(np.log(p["pi"] @ (left * right)).sum())


def documents_ragged(data: Any, p: Any) -> float:
    word = p["theta"] @ p["phi"]
    return sum(float(special.logsumexp(np.log(p["rho"]) + np.log(word[:, w]).sum(1))) for w in data["w"])


def tomography(data: Any, p: Any) -> float:
    return float(stats.poisson.logpmf(data["y"], data["a"] @ p["lam"]).sum())


def topics(data: Any, p: Any) -> float:
    """Given the topics, the proportions integrate to a Dirichlet-multinomial of one ordering."""
    total = 0.0
    for w in data["w"]:
        terms = []
        for z in itertools.product(range(2), repeat=len(w)):
            n = np.bincount(z, minlength=2)
            proportions = special.gammaln(1.6) - special.gammaln(1.6 + len(w))
            proportions += (special.gammaln(0.8 + n) - special.gammaln(0.8)).sum()
            terms.append(proportions + np.log(p["phi"][list(z), w]).sum())
        total += float(special.logsumexp(terms))
    return total


def poisson_factors(data: Any, p: Any) -> float:
    """The trapezoidal rule over the logarithms of both scores."""
    u = np.linspace(-14, 5, 600)
    prior = stats.gamma(1.5, scale=2).logpdf(np.exp(u)) + u
    a, b = np.exp(u)[:, None, None], np.exp(u)[None, :, None]
    rate = a * p["beta"][0] + b * p["beta"][1]
    joint = [prior[:, None] + prior + stats.poisson.logpmf(y, rate).sum(-1) for y in data["y"]]
    return float(special.logsumexp(joint, axis=(1, 2)).sum() + 2 * len(joint) * np.log(u[1] - u[0]))


def switching_dynamics(data: Any, p: Any) -> float:
    total = 0.0
    for y in data["y"]:
        terms = []
        for z in itertools.product(range(2), repeat=4):
            prior = np.log(p["start"][z[0]]) + sum(np.log(p["A"][i, j]) for i, j in itertools.pairwise(z))
            step = np.eye(4) - np.diag(p["a"][list(z)][1:], -1)
            grown = np.linalg.inv(step)
            noise = np.diag([1.0, *p["q"][list(z)][1:]])
            terms.append(prior + normal(y, np.zeros(4), grown @ noise @ grown.T + 0.5 * np.eye(4)))
        total += float(special.logsumexp(terms))
    return total


def blocks_by_edges(data: Any, p: Any) -> float:
    terms = []
    for z in itertools.product(range(2), repeat=5):
        q = p["B"][np.array(z)[data["src"]], np.array(z)[data["dst"]]]
        terms.append(np.log(p["pi"][list(z)]).sum() + stats.bernoulli.logpmf(data["w"], q).sum())
    return float(special.logsumexp(terms))


BY_HAND = (
    poisson_ragged, normal_chain_missing, autoregressive_chain, chain_labels, chain_classes, two_lags, two_chains,
    chain_map, local_level, autoregressive_state, known_start, vector_state, crossed, schools, slopes,
    intercept_classes, ridge, gamma_poisson, gamma_poisson_groups, beta_binomial, beta_binomial_mixture,
    dirichlet_multinomial, robust_regression, noisy_or, noisy_or_hidden, alignment, dawid_skene, alleles, phylogeny,
    documents_ragged, tomography, topics, poisson_factors, switching_dynamics, blocks_by_edges,
)  # fmt: skip


@pytest.mark.parametrize("formula", BY_HAND, ids=lambda formula: formula.__name__)
def test_formulas_by_hand(formula: Any) -> None:
    case, params = drawn(formula.__name__)
    found = log_likelihood(case.model, case.constants, case.data, params)
    rough = formula in (topics, poisson_factors)  # quadrature, of which only an upper limit of a bound is asked
    assert found == pytest.approx(formula(BY_NAME[formula.__name__].draw(), params), rel=1e-6 if rough else 1e-9)
