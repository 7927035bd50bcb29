"""Components that receive nothing, or a single point: an interior optimum, or an error with a name and a remedy."""

from __future__ import annotations

import numpy as np
import pytest

from emdsl.errors import Error, FitError
from emdsl.runtime.carried.matrices import solve
from tests.numerics.models import (
    BAYESIAN,
    CLASSES,
    DEVIATION,
    DIAGONAL,
    FULL,
    POISSON,
    PRECISION,
    SPHERICAL,
    TIED,
    Values,
    clusters,
    emitted,
    model,
    monotone,
)
from tests.oracles.marginal import log_likelihood
from tests.oracles.networks import instance

SPREADS = {"full": FULL, "tied": TIED, "diagonal": DIAGONAL, "spherical": SPHERICAL}
REMEDIES = ("prior", "tie", "fewer", "init")


def _finite(params: Values) -> bool:
    return all(np.isfinite(value).all() for value in params.values())


def _named(error: Exception) -> bool:
    """Whether a message names a parameter and a remedy."""
    return "`" in str(error) and any(word in str(error) for word in REMEDIES)


def _start(name: str, far: float) -> Values:
    spread = {
        "full": {"S": np.tile(np.eye(2), (2, 1, 1))},
        "tied": {"S": np.eye(2)},
        "diagonal": {"v": np.ones((2, 2))},
        "spherical": {"v": np.ones(2)},
    }[name]
    return {"pi": np.array([0.5, 0.5]), "mu": np.array([[0.0, 0.0], [far, far]]), **spread}


@pytest.mark.parametrize("method", ["em", "hard"])
@pytest.mark.parametrize("name", SPREADS)
def test_a_component_that_receives_no_rows_stays_finite(name: str, method: str) -> None:
    """Its density underflows at every row, so that its count is 0."""
    module, data = emitted(SPREADS[name], method, x=clusters(40))
    params = _start(name, 1e4)
    for _ in range(3):
        statistics, log_likelihood = module.e_step(data, params)
        assert np.isfinite(log_likelihood)
        params = module.m_step(statistics, params)
        assert _finite(params)
    np.testing.assert_allclose(params["pi"], [1.0, 0.0], atol=1e-300)


def test_an_empty_component_stays_finite_under_a_posterior() -> None:
    module, data = emitted(BAYESIAN, "vb", x=clusters(40))
    params = module.initialise(data, np.random.default_rng(0))
    params["mu.mean"] = np.array([[2.5, 2.5], [1e5, 1e5]])
    previous = -np.inf
    for _ in range(20):
        statistics, log_likelihood = module.e_step(data, params)
        bound = module.objective(log_likelihood, params)
        assert np.isfinite(bound) and bound >= previous - 1e-9 * abs(bound)
        previous, params = bound, module.m_step(statistics, params)
    np.testing.assert_allclose(params["pi.concentration"].min(), 2.0, atol=1e-6)


@pytest.mark.parametrize("name", ["full", "diagonal", "spherical"])
def test_a_component_on_a_single_point_is_degenerate_or_avoided(name: str) -> None:
    """The start sits on one row with almost no spread."""
    x = clusters(40)
    start = _start(name, 0.0)
    start["mu"][1] = x[7]
    key = "S" if name == "full" else "v"
    start[key][1] *= 1e-6
    try:
        fit = model(SPREADS[name]).fit(x=x, init=start)
    except FitError as error:
        assert _named(error) and f"`{key}`" in str(error)
    else:
        assert _finite(fit.params) and monotone(fit.history)
        assert np.min(np.linalg.eigvalsh(fit.params[key]) if key == "S" else fit.params[key]) > 1e-4


@pytest.mark.parametrize("name", ["full", "diagonal", "spherical"])
def test_random_starts_find_an_interior_optimum_beside_singletons(name: str) -> None:
    """Points that stand alone tempt components."""
    x = np.vstack([clusters(60), [[40.0, -40.0]], [[-35.0, 60.0]]])
    try:
        fit = model(SPREADS[name], K=3).fit(x=x, n_init=8)
    except FitError as error:
        assert _named(error)
    else:
        spread = np.linalg.eigvalsh(fit.params["S"]) if name == "full" else fit.params["v"]
        assert np.min(spread) > 1e-4 and monotone(fit.history)


@pytest.mark.parametrize(("spelling", "value"), [("sd", 1e-3), ("var", 1e-6), ("prec", 1e6)])
def test_an_emitted_step_onto_a_point_says_which_component(spelling: str, value: float) -> None:
    """However the spread is spelled."""
    x = np.concatenate([np.random.default_rng(0).normal(size=20), [9.0]])
    module, data = emitted(DEVIATION.replace("sd=", f"{spelling}="), x=x)
    params = {"pi": np.array([0.9, 0.1]), "mu": np.array([0.0, 9.0]), "s": np.array([1.0, value])}
    with pytest.raises(module.DegenerateError, match=r"`s` .*1"):
        for _ in range(5):
            params = module.m_step(module.e_step(data, params)[0], params)


@pytest.mark.parametrize("text", [FULL, PRECISION], ids=["cov", "prec"])
def test_an_emitted_matrix_step_onto_a_point_says_which_component(text: str) -> None:
    x = np.vstack([clusters(20), [[30.0, -30.0]]])
    module, data = emitted(text, x=x)
    key = "S" if text == FULL else "L"
    params = {"pi": np.array([0.9, 0.1]), "mu": np.array([[2.0, 2.0], x[-1]]), key: np.tile(np.eye(2), (2, 1, 1))}
    with pytest.raises(module.DegenerateError, match=rf"`{key}` .*1"):
        for _ in range(5):
            params = module.m_step(module.e_step(data, params)[0], params)


@pytest.mark.parametrize("name", SPREADS)
def test_a_constant_column_is_named(name: str) -> None:
    x = clusters(40)
    x[:, 1] = 3.25
    if name == "spherical":
        assert _finite(model(SPREADS[name]).fit(x=x, n_init=3).params)
        return
    with pytest.raises(Error, match=r"`[Svx]`") as caught:
        model(SPREADS[name]).fit(x=x, n_init=3)
    assert _named(caught.value)


@pytest.mark.parametrize("name", SPREADS)
def test_identical_rows_are_refused_by_name(name: str) -> None:
    with pytest.raises(FitError, match=r"`[Sv]`"):
        model(SPREADS[name]).fit(x=np.full((20, 2), 1.5), n_init=3)


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("n", [1, 2])
def test_fewer_rows_than_components(name: str, n: int) -> None:
    x = clusters(40)[[3, 30][:n]]
    try:
        fit = model(SPREADS[name], K=4).fit(x=x, n_init=3)
    except Error as error:
        assert _named(error)
    else:
        assert _finite(fit.params) and np.isfinite(fit.objective)


def test_fewer_rows_than_components_of_a_law_without_spread() -> None:
    fit = model(POISSON, K=5).fit(y=np.array([3, 7, 0]), n_init=3)
    assert _finite(fit.params) and monotone(fit.history)
    one = model(CLASSES, K=3).fit(y=np.array([[1, 0, 1]]), n_init=2)
    assert _finite(one.params)
    np.testing.assert_allclose(one.log_likelihood, 0.0, atol=1e-9)


@pytest.mark.parametrize("method", ["em", "vb"])
def test_a_prior_keeps_a_single_row_finite(method: str) -> None:
    fit = model(BAYESIAN).fit(x=np.array([[1.0, 2.0]]), method=method, n_init=2)
    assert _finite(fit.params) and np.isfinite(fit.objective) and monotone(fit.history)


@pytest.mark.parametrize("name", SPREADS)
def test_one_component_is_the_sample_mean_and_covariance(name: str) -> None:
    x = clusters(40)
    fit = model(SPREADS[name], K=1).fit(x=x, n_init=1)
    np.testing.assert_allclose(fit.params["mu"][0], x.mean(axis=0), rtol=1e-10)
    covariance = np.cov(x.T, bias=True)
    expected = {
        "full": covariance[None], "tied": covariance, "diagonal": np.diag(covariance)[None],
        "spherical": np.diag(covariance).mean(keepdims=True),
    }[name]  # fmt: skip
    np.testing.assert_allclose(fit.params["S" if "S" in fit.params else "v"], expected, rtol=1e-9)


@pytest.mark.parametrize("name", SPREADS)
def test_one_dimension(name: str) -> None:
    x = clusters(40, 1)
    fit, line = model(SPREADS[name]).fit(x=x, n_init=3), model(DEVIATION).fit(x=x[:, 0], n_init=3)
    assert monotone(fit.history)
    if name != "tied":
        np.testing.assert_allclose(fit.log_likelihood, line.log_likelihood, rtol=1e-7)


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("size", [1e6, 1e12])
def test_a_single_huge_outlier(name: str, size: float) -> None:
    """It may take a component of its own, which collapses, or be refused; nothing overflows."""
    x = np.vstack([clusters(60), [[size, -size]]])
    try:
        fit = model(SPREADS[name]).fit(x=x, n_init=5)
    except FitError as error:
        assert _named(error)
        assert "report" not in str(error)
    else:
        assert _finite(fit.params) and monotone(fit.history)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_direction_that_nothing_tells_is_left_where_it_is(batch: tuple[int, ...]) -> None:
    """m_k + w_l fits as well with m + c and w − c: the least norm, for a system that is singular but for rounding."""
    rng = np.random.default_rng(0)
    counts = rng.uniform(1, 2, size=(*batch, 2, 2))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    precision = np.block([
        [rows[..., None] * np.eye(2), counts], [np.swapaxes(counts, -1, -2), columns[..., None] * np.eye(2)]
    ])  # fmt: skip
    wanted = rng.normal(size=(*batch, 4))
    linear = (precision @ wanted[..., None])[..., 0]
    found = solve(precision, linear)
    np.testing.assert_allclose((precision @ found[..., None])[..., 0], linear, rtol=1e-10)
    assert np.abs(found).max() < 10 * np.abs(wanted).max()


def test_what_no_row_reads_stays_small() -> None:
    """Coefficients of a state without rows, in one system with what others tell: rounding was divided by 1e-150."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        design = rng.normal(size=(9, 5))
        design[:, rng.permutation(5)[:2]] = 0.0
        linear = design.T @ rng.normal(size=9)
        found = solve(design.T @ design, linear)
        np.testing.assert_allclose(design.T @ design @ found, linear, rtol=1e-9)
        assert np.abs(found).max() < 100


@pytest.mark.parametrize("spread", ["var=v", "sd=v", "prec=v"])
def test_a_collapse_by_hand_is_an_error_before_digits_are_lost(spread: str) -> None:
    """States of a network share one reference point: squares about it have no digits left where rows are fitted so."""
    text = f"""model M(K = 2) time t in T plate k in K param A[k] : simplex[K] param m[k] : real param v : positive
    latent z[0] ~ Categorical([0.5, 0.5]) latent z[t] ~ Categorical(A[z[t-1]])
    observed x[t] ~ Normal(m[z[t]], {spread})"""
    module, data = emitted(text, x=np.array([0.1, 0.100001, 5.3, 5.3, 0.1]))
    params: Values = {"A": np.full((2, 2), 0.5), "m": np.array([0.0, 1.0]), "v": np.array(1.0)}
    trace: list[float] = []
    with pytest.raises(module.DegenerateError, match="`v` collapsed: beside the distances between states"):
        for _ in range(20):
            statistics, value = module.e_step(data, params)
            trace.append(value)
            params = module.m_step(statistics, params)
    assert len(trace) > 3 and (np.diff(trace) >= 0).all()


def test_one_value_after_a_seen_one_is_fitted_exactly() -> None:
    """A state of an autoregression with gaps: the exact likelihood has no maximum, and every start says so."""
    text = """model M(K = 2) plate s in S, k in K time t in T param a[k] : real param c[k] : real param v[k] : positive
    latent z[s, t] ~ Categorical([0.5, 0.5]) observed y[s, 0] ~ Normal(0, var=4)
    observed y[s, t] missing ~ Normal(a[z[s, t]] * y[s, t-1] + c[z[s, t]], var=v[z[s, t]])"""
    y = np.array([[-2.1, np.nan, -0.6], [1.9, 3.0, np.nan]])
    case = instance(text, {}, {"y": y})
    found = []
    for halvings in range(4):
        params = {"a": np.zeros(2), "c": np.array([3.0, 0.0]), "v": np.array([1e-6 / 2**halvings, 1.0])}
        found.append(log_likelihood(case.model, case.constants, case.data, params))
    np.testing.assert_allclose(np.diff(found), np.log(2) / 2, rtol=1e-3)
    with pytest.raises(FitError, match="`v` collapsed"):
        model(text).fit(y=y, n_init=3)
