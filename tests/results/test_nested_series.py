"""Results over time of series within groups, against the same series without groups.

plate g in G    plate s in S[g]    time t in T[g, s]        plate s in S    time t in T[s]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em
from emdsl.results.fit import Fit

COUNTS = [[[1, 0, 2, 1, 6, 8, 7, 5], [0, 1, 1]], [[9, 7, 8, 6, 1, 0, 2]], [[1, 1], [3, 4, 5, 6], [0, 0, 1]]]
GAPS = [
    [[1.0, np.nan, 2.0, 1.0, 2.5], [0.0, 1.0, np.nan]],
    [[3.0, 2.5, np.nan, 1.0]],
    [[1.0, 1.2], [3.0, 4.0, 5.0, 6.0], [0.2, 0.0, 1.0]],
]
WHOLE = [[np.nan_to_num(series, nan=0.5) for series in group] for group in GAPS]
DRIFT = [[np.linspace(0, 1, len(series)) for series in group] for group in GAPS]
CHAIN = """param start : simplex[K]  param A[k] : simplex[K]
    latent z[SERIES, 0] ~ Categorical(start)  latent z[SERIES, t] ~ Categorical(A[z[SERIES, t-1]])"""
WALK = """param q : positive  param r : positive
    latent x[SERIES, 0] ~ Normal(0, var=4)  latent x[SERIES, t] ~ Normal(x[SERIES, t-1], var=q)"""
STATES = {"start": [0.5, 0.5], "A": [[0.8, 0.2], [0.3, 0.7]]}


@dataclass(frozen=True)
class Case:
    text: str
    data: Mapping[str, Any]
    init: Mapping[str, Any]
    latents: tuple[str, ...]
    method: str = "em"
    ahead: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "finite": Case(
        f"param rate[k] : positive  {CHAIN}  observed y[SERIES, t] ~ Poisson(rate[z[SERIES, t]])",
        {"y": COUNTS},
        {**STATES, "rate": [1.0, 6.0]},
        ("z",),
    ),
    "finite under vb": Case(
        f"""param rate[k] : positive ~ Gamma(2, rate=0.5)  {CHAIN}
        observed y[SERIES, t] ~ Poisson(rate[z[SERIES, t]])""",
        {"y": COUNTS},
        {**STATES, "rate": [1.0, 6.0]},
        ("z",),
        "vb",
    ),
    "linear with gaps": Case(
        f"{WALK}  observed y[SERIES, t] missing ~ Normal(x[SERIES, t], var=r)",
        {"y": GAPS},
        {"q": 0.5, "r": 0.4},
        ("x",),
    ),
    "covariates and lengths": Case(
        f"""given c[SERIES, t] : real  {WALK}
        observed y[SERIES, t] ~ Normal(x[SERIES, t] + 2 * c[SERIES, t], var=r * T[SERIES])""",
        {"y": WHOLE, "c": DRIFT},
        {"q": 0.5, "r": 0.1},
        ("x",),
        ahead={"c": [np.arange(2.0 * len(group)).reshape(-1, 2) for group in GAPS]},
    ),
    "past that is read": Case(
        f"""param a[k] : real  param v : positive  {CHAIN}  observed y[SERIES, 0] ~ Normal(0, var=3)
        observed y[SERIES, t] ~ Normal(a[z[SERIES, t]] * y[SERIES, t-1], var=v)""",
        {"y": WHOLE},
        {**STATES, "a": [0.2, 0.9], "v": 1.0},
        ("z",),
    ),
}


def fitted(case: Case, nested: bool) -> Fit:
    head = (
        "plate g in G, k in K  plate s in S[g]  time t in T[g, s]" if nested else "plate s in S, k in K  time t in T[s]"
    )
    text = f"model M(K = 2)  {head}  {case.text.replace('SERIES', 'g, s' if nested else 's')}"
    data = dict(case.data) if nested else {name: flat(value) for name, value in case.data.items()}
    return em.parse(text)().fit(data, method=case.method, init=dict(case.init), max_iter=2, tol=0)


def flat(groups: Any) -> list[Any]:
    return [series for group in groups for series in group]


def equal(nested: Any, plain: Any) -> None:
    assert [len(group) for group in nested] == [2, 1, 3]
    for one, other in zip(flat(nested), plain, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_groups_change_nothing(name: str) -> None:
    case = CASES[name]
    nested, plain = fitted(case, nested=True), fitted(case, nested=False)
    for latent in case.latents:
        equal(nested.filtered()[latent].mean, plain.filtered()[latent].mean)
    equal(nested.log_likelihood_by("s"), plain.log_likelihood_by("s"))
    assert_allclose(nested.log_likelihood_by("g"), [sum(group) for group in nested.log_likelihood_by("s")], rtol=1e-10)
    ahead = {key: flat(value) for key, value in case.ahead.items()}
    pairs = (
        (nested.predictive(random_state=1), plain.predictive(random_state=1)),
        (nested.forecast(2, random_state=1, **case.ahead), plain.forecast(2, random_state=1, **ahead)),
    )
    for one, other in pairs:
        for variable in ("y", *case.latents):
            equal(one[variable].mean, other[variable].mean)
            equal(one[variable].var, other[variable].var)


def test_data_cut_after_each_step_say_the_same_as_one_pass() -> None:
    """A class for each group ties its series together, so that these are no chains of their own."""
    text = f"""model M(K = 2)  plate g in G, k in K  plate s in S[g]  time t in T[g, s]  param p : simplex[K]
        param m[k] : real  {CHAIN.replace("SERIES", "g, s")}  latent c[g] ~ Categorical(p)
        observed y[g, s, t] ~ Normal(m[z[g, s, t]] + 2 * c[g], var=1)"""
    model = em.parse(text)()
    fit = model.fit(y=WHOLE, init={**STATES, "p": [0.4, 0.6], "m": [0.0, 2.0]}, max_iter=1, tol=0)
    filtered, predictive, forecast = fit.filtered()["z"], fit.predictive()["y"], fit.forecast(1)["y"]
    cut = [[series[:2] for series in group] for group in WHOLE]
    shorter = model.fit(y=cut, init=fit.params, max_iter=0)
    for group, states in enumerate(shorter.posterior["z"].probabilities):
        for series, own in enumerate(states):
            assert_allclose(filtered.probabilities[group][series][1], own[1], rtol=1e-9)
    third = shorter.forecast(1)["y"].mean
    assert_allclose(predictive.mean[0][0][2], third[0][0, 0], rtol=1e-9)
    assert [np.shape(group) for group in forecast.mean] == [(2, 1), (1, 1), (3, 1)]


def test_given_data_of_new_steps_have_the_groups_of_the_data() -> None:
    fit = fitted(CASES["covariates and lengths"], nested=True)
    with pytest.raises(em.DataError, match="`c` of the new steps has other groups than the data"):
        fit.forecast(2, c=[np.zeros((1, 2)), np.zeros((2, 2)), np.zeros((3, 2))])
    with pytest.raises(em.DataError, match=r"`c` of the new steps has shape \(6, 3\); \(6, 2\) is needed"):
        fit.forecast(2, c=[np.zeros((2, 3)), np.zeros((1, 3)), np.zeros((3, 3))])


def test_regular_times_of_groups_of_different_sizes() -> None:
    """Rows beyond the end of a group are no part of a forecast."""
    text = """model M()  plate g in G  plate s in S[g]  time t in T  param a : real  param v : positive
        observed y[g, s, 0] ~ Normal(0, var=1)  observed y[g, s, t] ~ Normal(a * y[g, s, t-1], var=v)"""
    y = [np.cumsum(np.ones((2, 4)), axis=1), np.ones((3, 4))]
    fit = em.parse(text)().fit(y=y, init={"a": 0.5, "v": 1.0}, max_iter=1, tol=0)
    mean = fit.forecast(1)["y"].mean
    for group, own in zip(mean, y, strict=True):
        assert_allclose(group, fit.params["a"] * own[:, -1:])
