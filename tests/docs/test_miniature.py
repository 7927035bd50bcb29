"""docs/miniature.py takes the same steps as the compiler: same start, same iterates."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em
from tests.conftest import REPOSITORY

RNG = np.random.default_rng(7)
STEPS = (1, 2, 10)


def load() -> ModuleType:
    """The module, which lies outside of every package."""
    spec = spec_from_file_location("miniature", REPOSITORY / "docs" / "miniature.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["miniature"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


mini = load()
X, Y, RATE, P = (mini.variable(name) for name in ("x", "y", "rate", "p"))
MEAN, SPREAD = mini.variable("mean"), mini.variable("spread")
REAL, POSITIVE, UNIT = (mini.Parameter(support) for support in ("real", "positive", "unit"))
TIED = mini.Parameter("positive", by_state=False)
HEADER = "model M(K = 2)  plate n in N, k in K  param share : simplex[K]  latent z[n] ~ Categorical(share)  "


@dataclass(frozen=True)
class Case:
    """A mixture, the same model as text, data and a start."""

    mixture: Any
    text: str
    data: dict[str, np.ndarray[Any, Any]]
    start: dict[str, Any]


CLUSTERS = {"x": np.concatenate([RNG.normal(-1, 1, 30), RNG.normal(2, 0.5, 20)])}
COUNTS = {"y": RNG.poisson(np.repeat([1.0, 6.0], [25, 15])).astype(float)}
BITS = {"x": (RNG.random(40) < 0.4).astype(float)}
SHARE = {"share": np.array([0.4, 0.6])}
MEANS = {"mean": np.array([-0.5, 1.0])}

CASES = {
    "normal, variances": Case(
        mini.Mixture(2, {"mean": REAL, "spread": POSITIVE}, (mini.normal(X, MEAN, 1 / SPREAD),)),
        "param mean[k] : real  param spread[k] : positive  observed x[n] ~ Normal(mean[z[n]], var=spread[z[n]])",
        CLUSTERS,
        SHARE | MEANS | {"spread": np.array([1.0, 2.0])},
    ),
    "normal, standard deviations": Case(
        mini.Mixture(2, {"mean": REAL, "spread": POSITIVE}, (mini.normal(X, MEAN, SPREAD**-2),)),
        "param mean[k] : real  param spread[k] : positive  observed x[n] ~ Normal(mean[z[n]], sd=spread[z[n]])",
        CLUSTERS,
        SHARE | MEANS | {"spread": np.array([1.0, 1.5])},
    ),
    "normal, one variance for all": Case(
        mini.Mixture(2, {"mean": REAL, "spread": TIED}, (mini.normal(X, MEAN, 1 / SPREAD),)),
        "param mean[k] : real  param spread : positive  observed x[n] ~ Normal(mean[z[n]], var=spread)",
        CLUSTERS,
        SHARE | MEANS | {"spread": np.array(1.5)},
    ),
    "Poisson": Case(
        mini.Mixture(2, {"rate": POSITIVE}, (mini.poisson(Y, RATE),)),
        "param rate[k] : positive  observed y[n] ~ Poisson(rate[z[n]])",
        COUNTS,
        SHARE | {"rate": np.array([2.0, 5.0])},
    ),
    "Bernoulli": Case(
        mini.Mixture(2, {"p": UNIT}, (mini.bernoulli(X, P),)),
        "param p[k] : unit  observed x[n] ~ Bernoulli(p[z[n]])",
        BITS,
        SHARE | {"p": np.array([0.3, 0.8])},
    ),
    "two laws": Case(
        mini.Mixture(
            2,
            {"mean": REAL, "spread": POSITIVE, "rate": POSITIVE},
            (mini.normal(X, MEAN, SPREAD), mini.poisson(Y, RATE)),
        ),
        "param mean[k] : real  param spread[k] : positive  param rate[k] : positive "
        "observed x[n] ~ Normal(mean[z[n]], prec=spread[z[n]])  observed y[n] ~ Poisson(rate[z[n]])",
        {"x": CLUSTERS["x"][:40], "y": COUNTS["y"]},
        SHARE | MEANS | {"spread": np.array([1.0, 2.0]), "rate": np.array([2.0, 5.0])},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_iterates_are_those_of_the_compiler(name: str) -> None:
    case = CASES[name]
    algorithm = mini.derive(case.mixture)
    model = em.parse(HEADER + case.text)()
    for steps in STEPS:
        params, history = algorithm.fit(case.data, case.start, max_iter=steps, tol=0)
        fit = model.fit(case.data, init=case.start, max_iter=steps, tol=0)
        assert_allclose(history, fit.history, rtol=1e-10)
        assert set(params) == set(fit.params)
        for key, value in params.items():
            assert_allclose(value, fit.params[key], rtol=1e-10, atol=1e-10, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_kernels_are_those_of_the_compiler(name: str) -> None:
    case = CASES[name]
    rows = em.parse(HEADER + case.text)().plan.rows
    compiled = {row.block: row.kernel for row in rows if row.role == "parameter"}
    assert {update.name: update.kernel.name for update in mini.derive(case.mixture).updates} == compiled


def test_what_has_no_conjugate_update_is_refused() -> None:
    """A precision that enters by two powers has no kernel here; there it has no closed form."""
    both = mini.Mixture(2, {"spread": POSITIVE}, (mini.normal(X, 0.0, SPREAD) + mini.normal(Y, 0.0, 1 / SPREAD),))
    with pytest.raises(ValueError, match="no closed-form update"):
        mini.derive(both)
    text = """
        param spread[k] : positive
        observed x[n] ~ Normal(0, prec=spread[z[n]])  observed y[n] ~ Normal(0, var=spread[z[n]])
    """
    (row,) = (one for one in em.parse(HEADER + text)().plan.rows if one.block == "spread")
    assert row.kernel == "Newton" and not row.closed_form


def test_it_runs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    mini.main()
    printed = capsys.readouterr().out
    assert "var (Gamma)" in printed and "log likelihood" in printed
