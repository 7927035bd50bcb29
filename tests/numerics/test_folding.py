"""Sweeps of Gaussian latents without rows: they give what the sweep over the rows gives, wherever they may stand in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.data.binding import bind_data
from tests.numerics.models import FACTORS, Values, emitted
from tests.zoo import BY_NAME

TWO = """
    model M(H = 2)  plate n in N, d in D, e in E  param W[d] : real[H]  param V[e] : real[H]  param c[e] : real
    param m[d] : real  param a[d] : real  param v[d] : positive  param w : positive
    latent f[n] ~ MvNormal(zeros(H), cov=eye(H))  latent g[n] ~ Normal(0, sd=1)
    observed x[n, d] ~ Normal(m[d] + W[d] @ f[n] + a[d] * g[n], var=v[d])
    observed y[n, e] ~ Normal(c[e] + V[e] @ f[n], var=w)
"""
APART = """
    model M()  plate n in N, d in D  param W[d] : real  param V[d] : real  param v[d] : positive  param w[d] : positive
    param m[d] : real  latent f[n] ~ Normal(0, sd=1)  latent g[n] ~ Normal(0, sd=1)
    observed x[n, d] ~ Normal(m[d] + W[d] * f[n], var=v[d])  observed y[n, d] ~ Normal(m[d] + V[d] * g[n], var=w[d])
"""
COVARIATES = """
    model M(H = 2)  plate n in N, d in D  given u[n] : real[P]  param B[d] : real[P]  param W[d] : real[H]
    param m[d] : real  param v[d] : positive  latent f[n] ~ MvNormal(zeros(H), cov=eye(H))
    observed x[n, d] ~ Normal(m[d] + B[d] @ u[n] + W[d] @ f[n], var=v[d])
"""
FULL_NOISE = """
    model M(H = 1)  plate n in N  param W : real[D, H]  param m : real[D]  param S : cov[D]
    latent f[n] ~ MvNormal(zeros(H), cov=eye(H))  observed x[n] ~ MvNormal(m + W @ f[n], cov=S)
"""
BAYESIAN = """
    model M(H = 1)  plate n in N, d in D  param W[d] : real[H] ~ MvNormal(0, cov=eye(H))
    param m[d] : real ~ Normal(0, sd=3)  param t[d] : positive ~ Gamma(2, rate=2)
    latent f[n] ~ MvNormal(zeros(H), cov=eye(H))  observed x[n, d] ~ Normal(m[d] + W[d] @ f[n], prec=t[d])
"""
REPEATED = """
    model M()  plate s in S, t in T  param m : real  param k : positive  param v : positive
    latent u[s] ~ Normal(0, var=k)  observed y[s, t] ~ Normal(m + u[s], var=v)
"""


def _normal(*names: str, n: int = 40, width: int = 4) -> Values:
    rng = np.random.default_rng(len(names))
    common = rng.normal(size=(n, 1))
    return {name: 3.0 + common + rng.normal(size=(n, width)) for name in names}


MODELS: dict[str, tuple[str, str, Values]] = {
    "factors": (FACTORS, "em", _normal("x")),
    "two latents": (TWO, "em", _normal("x", "y")),
    "two blocks": (APART, "em", _normal("x", "y")),
    "covariates": (COVARIATES, "em", _normal("u", "x")),
    "full noise": (FULL_NOISE, "em", _normal("x")),
    "Bayesian": (BAYESIAN, "vb", _normal("x")),
    "repeated": (REPEATED, "em", _normal("y")),
    "components": (BY_NAME["probabilistic_pca"].text, "em", _normal("x")),
}
EVERY = pytest.mark.parametrize("name", MODELS)
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def _module(name: str, weighted: bool = False) -> tuple[Any, Values]:
    text, method, data = MODELS[name]
    plate = "s" if name == "repeated" else "n"
    weights = {plate: np.random.default_rng(1).uniform(0.0, 3.0, 40)} if weighted else None
    return emitted(text, method, weights, **data)


def _agree(one: tuple[Values, float], two: tuple[Values, float], tolerance: float = 1e-10) -> None:
    """Relative to the largest statistic: some sums are zero about their reference points."""
    np.testing.assert_allclose(one[1], two[1], rtol=tolerance)
    size = max(np.max(np.abs(value)) for value in one[0].values())
    for key, value in one[0].items():
        np.testing.assert_allclose(two[0][key], value, rtol=tolerance, atol=tolerance * size, err_msg=key)


def _no_rows(data: Values) -> Values:
    """Prepared data with every row spoiled: what is still right has not looked at rows."""
    return {
        key: np.full(np.shape(value), np.nan) if "." not in key and np.ndim(value) else value
        for key, value in data.items()
    }


@EVERY
@WEIGHTED
def test_folded_and_unfolded_sweeps_agree(name: str, weighted: bool) -> None:
    """At the points of `prepare`, and about those that the iterations lead to."""
    module, data = _module(name, weighted)
    params = module.initialise(data, np.random.default_rng(0))
    prepared = module.prepare(data, params)
    assert any(key.startswith("products.") and value is not None for key, value in prepared.items())
    for _ in range(6):
        rows = module.e_step(data, params)
        _agree(rows, module.e_step(prepared, params))
        params = module.m_step(rows[0], params)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"repeated"}))  # its squares are summed over two plates
@WEIGHTED
def test_no_iteration_reads_rows(name: str, weighted: bool) -> None:
    module, data = _module(name, weighted)
    params = module.initialise(data, np.random.default_rng(0))
    prepared = module.prepare(data, params)
    params = module.m_step(module.e_step(data, params)[0], params)
    _agree(module.e_step(data, params), module.e_step(_no_rows(prepared), params))


@pytest.mark.parametrize("far", [1e2, 1e6, 1e9])
def test_points_that_have_moved_far(far: float) -> None:
    """Where the products about the old points would cancel, they are summed anew."""
    module, data = _module("factors")
    params = module.initialise(data, np.random.default_rng(0))
    prepared = module.prepare(data, {**params, "m": params["m"] + far})
    _agree(module.e_step(data, params), module.e_step(prepared, params), 1e-10)


def test_what_is_known_of_a_latent_needs_rows() -> None:
    """In whole or in part, and so do starting values."""
    module, data = _module("factors")
    params = module.initialise(data, np.random.default_rng(0))
    f = np.where(np.arange(40) % 3 == 0, 0.5, np.nan)[:, None]
    known = {**data, "f": f}
    prepared = module.prepare(known, params)
    assert prepared["products.f"] is None
    _agree(module.e_step(known, params), module.e_step(prepared, params), 0.0)
    prepared = module.prepare(data, params)

    def start(natural: Any, rows: slice) -> Any:
        natural[:] = 1.0
        return np.zeros(natural.shape[1])

    _agree(module.e_step(data, params, {"f": start}), module.e_step(prepared, params, {"f": start}), 1e-12)


def test_more_features_than_rows_are_swept() -> None:
    module, data = emitted(FACTORS, x=_normal("x", n=5, width=9)["x"])
    params = {"W": np.ones((9, 1)), "m": np.zeros(9), "v": np.ones(9)}
    assert module.prepare(data, params)["products.f"] is None


@pytest.mark.parametrize("name", ["factor_mixture", "factor_analysis_missing", "mvnormal_missing", "gmm_missing"])
def test_rows_that_differ_are_swept(name: str) -> None:
    example = BY_NAME[name]
    bound = parse(example.text)(**example.constants)
    module = bound.program("em").module
    data = bind_data(bound.bound_model, example.draw(), None)
    prepared = module.prepare(data, module.initialise(data, np.random.default_rng(0)))
    assert not any(key.startswith("products.") for key in prepared)


@EVERY
@WEIGHTED
def test_a_start_that_is_folded_is_that_of_the_rows(name: str, weighted: bool) -> None:
    """Random directions of the features, added to the natural parameters of every row."""
    module, data = _module(name, weighted)
    params = module.initialise(data, np.random.default_rng(0))
    prepared = module.prepare(data, params)
    blocks = [key.removeprefix("products.") for key in prepared if key.startswith("products.") and key.count(".") == 1]
    shifts, by_rows = {}, {}
    for block in blocks:
        arguments = getattr(module, f"sweep_{block}")(data, params)
        write, natural, expect = arguments[:3]
        products = prepared[f"products.{block}"]
        shifts[block] = module.projected(arguments, np.random.default_rng(1), [slice(0, 1)], products)
        assert shifts[block].shape == natural.shape and shifts[block].any()

        def start(expected: Any, rows: slice, write: Any = write, expect: Any = expect, block: str = block) -> Any:
            features = np.ones((shifts[block].shape[2], expected.shape[1]))
            write(rows, 0, features)
            expected += shifts[block][0] @ features
            return expect(expected, rows, False)

        by_rows[block] = start
        centred = shifts[block][0] @ products[0]
        np.testing.assert_allclose(centred, 0.0, atol=1e-8 * np.abs(products).max())
    _agree(module.e_step(data, params, by_rows), module.e_step(prepared, params, shifts))


def test_starts_lead_where_those_over_the_rows_lead() -> None:
    """The same optimum, whether or not the data are prepared when the runs start."""
    values = []
    for n_init in (1, 6):
        fit = parse(FACTORS)(**{}).fit(**_normal("x", n=200), n_init=n_init, random_state=0, tol=1e-12, max_iter=5000)
        values.append(fit.log_likelihood)
    assert values[1] == pytest.approx(values[0], rel=1e-6)
