"""Posteriors of transition probabilities beside their stationary law: against every path and every tree, listed.

log Σ_z exp E log p(y, z | A) − KL(q(A), p(A)),   E log π_k replaced by log Σ_T exp E log A_T − log Σ_j Σ_T E A_T
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats
from scipy.optimize import minimize

import emdsl as em
from emdsl.compile import compile_model
from tests.numerics.test_transitions import trees
from tests.oracles.networks import instance

PRIOR = 0.7
CHAIN = """latent z[s, 0] ~ Categorical(stationary(A))  latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Poisson(1 + 3 * z[s, t])"""
COMMON = f"""model M(K = 2)  plate s in S, k in K  time t in T  param A[k] : simplex[K] ~ Dirichlet({PRIOR})  {CHAIN}"""
Y = np.array([[1, 0, 5, 3], [0, 2, 1, 1], [4, 6, 1, 5]])


def bound(concentration: np.ndarray, y: np.ndarray, prior: float = PRIOR) -> float:
    """The bound of series (series, step) that share one matrix."""
    states = len(concentration)
    totals = concentration.sum(axis=1, keepdims=True)
    logs = special.digamma(concentration) - special.digamma(totals)
    start = np.log(trees(np.exp(logs))) - np.log(sum(trees(concentration / totals)))
    value = 0.0
    for series in y:
        paths = [
            start[path[0]]
            + sum(logs[one, other] for one, other in pairwise(path))
            + stats.poisson.logpmf(series, 1 + 3 * np.array(path)).sum()
            for path in product(range(states), repeat=len(series))
        ]
        value += special.logsumexp(paths)
    for row, expected in zip(concentration, logs, strict=True):
        value += (prior - 1) * expected.sum() + special.gammaln(prior * states) - states * special.gammaln(prior)
        value += stats.dirichlet(row).entropy()
    return float(value)


def log_evidence(y: np.ndarray) -> float:
    """log ∫ p(A) Π p(y | A) dA of two states, with Gauss-Jacobi nodes for each of the two rows."""
    nodes, weights = special.roots_jacobi(60, PRIOR - 1, PRIOR - 1)
    p, weights = (1 + nodes) / 2, weights / weights.sum()
    total = 0.0
    for (a, u), (b, v) in product(zip(p, weights, strict=True), repeat=2):
        matrix, density = np.array([[1 - a, a], [b, 1 - b]]), 1.0
        for series in y:
            message = np.array([b, a]) / (a + b)
            for step, count in enumerate(series):
                message = (message if step == 0 else message @ matrix) * stats.poisson.pmf(count, [1, 4])
            density *= message.sum()
        total += u * v * density
    return float(np.log(total))


def compiled(text: str, method: str, data: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    case = instance(text, {}, data)
    return compile_model(case.bound, method).module, case.data


@pytest.mark.parametrize("states", [2, 3])
def test_the_objective_at_any_posterior(states: int) -> None:
    text = COMMON.replace("K = 2", f"K = {states}")
    module, data = compiled(text, "vb", {"y": Y})
    params = module.initialise(data, np.random.default_rng(0))
    for seed in range(5):
        concentration = np.random.default_rng(seed).gamma(1.5, 2, (states, states)) + 0.1
        moved = {**params, "A.concentration": concentration}
        found = module.objective(module.e_step(data, moved)[1], moved)
        assert_allclose(found, bound(concentration, Y), rtol=1e-11)


def test_the_fit_is_the_best_of_all_posteriors_and_below_the_evidence() -> None:
    fit = em.parse(COMMON)().fit(y=Y, method="vb", n_init=2, tol=1e-13)
    best = minimize(
        lambda logs: -bound(np.exp(logs).reshape(2, 2), Y),
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
    )
    evidence = log_evidence(Y)
    assert_allclose(fit.objective, -best.fun, atol=1e-8)
    laws = [stats.dirichlet(row) for row in np.exp(best.x).reshape(2, 2)]
    assert_allclose(fit.posterior["A"].mean, [law.mean() for law in laws], atol=1e-4)
    assert_allclose(fit.posterior["A"].var, [law.var() for law in laws], rtol=1e-3)
    assert evidence - 1.1 < fit.objective < evidence


def test_matrices_of_their_own_have_the_bounds_of_each_series_alone() -> None:
    """As latents they are refused, and the cure is this."""
    own = COMMON.replace("A[k]", "A[s, k]").replace("(A)", "(A[s])").replace("A[z", "A[s, z")
    with pytest.raises(
        em.ModelError, match="declare `A` as a parameter with this prior, which method vb has"
    ) as caught:
        em.parse(own.replace("param A", "latent A"))().source()
    assert caught.value.line == 1
    together = em.parse(own)().fit(y=Y, method="vb", n_init=2, tol=1e-12)
    alone = [em.parse(COMMON)().fit(y=Y[s : s + 1], method="vb", n_init=2, tol=1e-12) for s in range(3)]
    assert_allclose(together.objective, sum(one.objective for one in alone), rtol=1e-9)
    assert_allclose(together.params["A"], [one.params["A"] for one in alone], atol=1e-4)


def test_plan_derivation_and_code_say_what_stands_for_the_law() -> None:
    program = em.parse(COMMON)().program("vb")
    (row,) = (row for row in program.plan.rows if row.variables == ("A",))
    assert (row.inference, row.exact, row.closed_form) == ("mean field", False, False)
    assert row.why.endswith("so Dirichlet rows, by a gradient step (L-BFGS) on a bound that never falls")
    assert "but takes steps that never fall for `A`" in str(program.plan)
    bound_line = (
        r"\left\langle \log \operatorname{stationary}(A)_{k} \right\rangle &\ge "
        r"\log w_{k}\left(\exp \left\langle \log A \right\rangle\right) - "
        r"\log \sum_{k} w_{k}\left(\left\langle A \right\rangle\right) && \text{which is taken for it}"
    )
    assert bound_line in program.derivation.markdown
    assert "on a bound that never" in program.source
    with pytest.raises(em.ModelError, match="the update of `A` is not exact"):
        em.parse(COMMON)().fit(y=Y, method="vb", strict=True)
