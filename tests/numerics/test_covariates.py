"""Covariates with missing entries far from zero: a shift moves means and intercepts, and nothing else.

y = a + b x + e,   x + c:     m + c,   a − b c,    and the same m, a, b, spreads, likelihood otherwise
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.data.binding import bind_data

Array = np.ndarray[Any, Any]
Values = dict[str, Any]
RNG = np.random.default_rng(4)
HALVES = np.arange(60) % 2
GROUP = np.repeat(np.arange(12), 5)


def _rounded(values: Array) -> Array:
    """Shifted by a whole number below 1e7, no digit of these is lost."""
    return np.round(values * 2**20) / 2**20


def _with_gaps(values: Array) -> Array:
    return np.where(RNG.random(values.shape) < 0.25, np.nan, values)


X = _rounded(RNG.normal(size=60) + 1.5 * HALVES)
PAIRS = _rounded(RNG.normal(size=(60, 2)) + 1.5 * HALVES[:, None])
OFFSET = _rounded(RNG.normal(size=60))
GROUPED = _rounded(RNG.normal(size=12))
Y = 0.5 + 0.8 * X + HALVES + RNG.normal(0, 0.5, 60)
OF_PAIRS = 0.5 + PAIRS @ [0.8, -0.3] + RNG.normal(0, 0.5, 60)
U = _rounded(0.3 + 0.6 * X + RNG.normal(0, 0.5, 60))
OF_GROUPS = 0.5 + 0.8 * GROUPED[GROUP] + RNG.normal(0, 0.5, 60)
SEEN, SEEN_PAIRS, SEEN_U, SEEN_Y = (_with_gaps(values) for values in (X, PAIRS, U, Y))
SEEN_GROUPS = np.where(np.isin(np.arange(12), (1, 5, 6)), np.nan, GROUPED)
LINE = "param m : real  param s : positive  param a : real  param b : real  param t : positive"
ON_LINE = {"m": 0.1, "s": 1.0, "a": 0.2, "b": 0.5, "t": 0.7}
SHARES = np.array([0.4, 0.6])
TURN = np.array([[0.5, 0.25], [-0.125, 0.5]])


@dataclass(frozen=True)
class Case:
    """Text, data, start, and by how much the shift of 1 of covariates moves each parameter, given all of them."""

    text: str
    data: Values
    start: Values
    shifts: Values
    moved: Callable[[Values], Values]


def _line(p: Values) -> Values:
    return {"m": 1.0, "a": -p["b"]}


CASES: dict[str, Case] = {
    "rows": Case(
        f"plate n in N  {LINE}  observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ Normal(a + b * x[n], sd=t)",
        {"x": SEEN, "y": Y}, ON_LINE, {"x": 1.0}, _line,
    ),
    "a known slope": Case(
        """plate n in N  param m : real  param s : positive  param a : real  param t : positive
        observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ Normal(a + 0.8 * x[n], sd=t)""",
        {"x": SEEN, "y": Y}, {"m": 0.1, "s": 1.0, "a": 0.2, "t": 0.7}, {"x": 1.0}, lambda p: {"m": 1.0, "a": -0.8},
    ),
    "a slope with a prior": Case(
        f"""plate n in N  {LINE.replace("b : real", "b : real ~ Normal(0, sd=2)")}
        observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ Normal(a + b * x[n], sd=t)""",
        {"x": SEEN, "y": Y}, ON_LINE, {"x": 1.0}, _line,
    ),
    "a product with given values": Case(
        f"""plate n in N  given c[n] : real  {LINE}  param d : real  param e : real
        observed x[n] missing ~ Normal(m, sd=s)
        observed y[n] ~ Normal(a + e * c[n] + b * x[n] + d * x[n] * c[n], sd=t)""",
        {"x": SEEN, "y": Y, "c": OFFSET}, {**ON_LINE, "d": 0.25, "e": 0.1}, {"x": 1.0},
        lambda p: {"m": 1.0, "a": -p["b"], "e": -p["d"]},
    ),
    "several, one on the other": Case(
        f"""plate n in N  {LINE}  param d : real  param o : real  param g : real  param r : positive
        observed x[n] missing ~ Normal(m, sd=s)  observed u[n] missing ~ Normal(o + g * x[n], sd=r)
        observed y[n] missing ~ Normal(a + b * x[n] + d * u[n], sd=t)""",
        {"x": SEEN, "u": SEEN_U, "y": SEEN_Y}, {**ON_LINE, "d": 0.25, "o": 0.2, "g": 0.5, "r": 0.8},
        {"x": 1.0, "u": 0.5}, lambda p: {"m": 1.0, "o": 0.5 - p["g"], "a": -p["b"] - 0.5 * p["d"]},
    ),
    "vectors": Case(
        """plate n in N  param m : real[2]  param S : cov[2]  param a : real[2]  param B : real[2, 2]  param R : cov[2]
        observed x[n] missing ~ MvNormal(m, cov=S)  observed y[n] missing ~ MvNormal(a + B @ x[n], cov=R)""",
        {"x": SEEN_PAIRS, "y": np.column_stack([OF_PAIRS, SEEN_Y])},
        {"m": np.array([0.1, 0.2]), "S": np.eye(2), "a": np.array([0.2, 0.3]), "B": TURN, "R": np.eye(2)},
        {"x": np.array([1.0, -0.5])}, lambda p: {"m": np.array([1.0, -0.5]), "a": -p["B"] @ [1.0, -0.5]},
    ),
    "columns": Case(
        """plate n in N, d in D  param m[d] : real  param s[d] : positive  param a : real  param b[d] : real
        param t : positive  observed x[n, d] missing ~ Normal(m[d], sd=s[d])
        observed y[n] ~ Normal(a + sum(b[d] * x[n, d], d), sd=t)""",
        {"x": SEEN_PAIRS, "y": OF_PAIRS},
        {"m": np.array([0.1, 0.2]), "s": np.array([1.0, 0.9]), "a": 0.3, "b": np.array([0.5, 0.25]), "t": 0.7},
        {"x": np.array([1.0, -0.5])}, lambda p: {"m": np.array([1.0, -0.5]), "a": -p["b"] @ [1.0, -0.5]},
    ),
    "groups by an index array": Case(
        f"""plate i in I, g in G  given grp[i] : index[G]  {LINE}
        observed x[g] missing ~ Normal(m, sd=s)  observed y[i] ~ Normal(a + b * x[grp[i]], sd=t)""",
        {"x": SEEN_GROUPS, "y": OF_GROUPS, "grp": GROUP}, ON_LINE, {"x": 1.0}, _line,
    ),
    "heavy tails": Case(
        f"""plate n in N  {LINE}
        observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ StudentT(4, a + b * x[n], scale=t)""",
        {"x": SEEN, "y": Y}, ON_LINE, {"x": 1.0}, _line,
    ),
    "intercepts of states": Case(
        """plate n in N, k in 2  param w : simplex[2]  param m[k] : real  param s : positive  param a[k] : real
        param b : real  param t : positive  latent z[n] ~ Categorical(w)
        observed x[n] missing ~ Normal(m[z[n]], sd=s)  observed y[n] ~ Normal(a[z[n]] + b * x[n], sd=t)""",
        {"x": SEEN, "y": Y},
        {"w": SHARES, "m": np.array([0.1, 1.2]), "s": 1.1, "a": np.array([0.2, 0.9]), "b": 0.5, "t": 0.7}, {"x": 1.0},
        lambda p: {"m": np.ones(2), "a": np.full(2, -p["b"])},
    ),
}  # fmt: skip
#: Each state of these has a slope of its own: all share one reference point, and digits are lost farther out.
NEARER: dict[str, Case] = {
    "slopes of states": Case(
        """plate n in N, k in 2  param w : simplex[2]  param m : real  param s : positive  param a[k] : real
        param b[k] : real  param t : positive  latent z[n] ~ Categorical(w)
        observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ Normal(a[z[n]] + b[z[n]] * x[n], sd=t)""",
        {"x": SEEN, "y": Y},
        {"w": SHARES, "m": 0.4, "s": 1.1, "a": np.array([0.2, 0.9]), "b": np.array([0.5, 0.75]), "t": 0.7}, {"x": 1.0},
        lambda p: {"m": 1.0, "a": -p["b"]},
    ),
    "slopes of states on vectors": Case(
        """plate n in N, k in 2  param w : simplex[2]  param m[k] : real[2]  param S : cov[2]  param a[k] : real
        param b[k] : real[2]  param t : positive  latent z[n] ~ Categorical(w)
        observed x[n] missing ~ MvNormal(m[z[n]], cov=S)  observed y[n] ~ Normal(a[z[n]] + b[z[n]] @ x[n], sd=t)""",
        {"x": SEEN_PAIRS, "y": OF_PAIRS},
        {"w": SHARES, "m": np.array([[0.1, 0.2], [0.9, 0.8]]), "S": np.eye(2), "a": np.array([0.25, 0.5]),
         "b": np.array([[0.5, -0.25], [0.75, -0.125]]), "t": 0.7},
        {"x": np.array([1.0, -0.5])}, lambda p: {"m": np.tile([1.0, -0.5], (2, 1)), "a": -p["b"] @ [1.0, -0.5]},
    ),
}  # fmt: skip


def _declared(case: Case) -> Any:
    return em.parse(f"model M()  {case.text}")()


def _shifted(case: Case, shift: float) -> tuple[Values, Values]:
    """The data and the start with covariates moved by `shift`."""
    data = {name: values + shift * case.shifts.get(name, 0.0) for name, values in case.data.items() if name != "grp"}
    data |= {"grp": case.data["grp"]} if "grp" in case.data else {}
    moved = case.moved(case.start)
    return data, {name: value + shift * moved.get(name, 0.0) for name, value in case.start.items()}


def _agree(case: Case, far: em.Fit, near: em.Fit, shift: float, tolerance: float) -> None:
    """Whether a fit far away is the fit nearby, moved."""
    np.testing.assert_allclose(far.objective, near.objective, rtol=1e-9, atol=tolerance**2)
    moved = case.moved(far.params)
    for name, value in near.params.items():
        back = far.params[name] - shift * moved.get(name, 0.0)
        np.testing.assert_allclose(back, value, rtol=tolerance, atol=tolerance, err_msg=name)
    for name, by in case.shifts.items():
        found, there = (np.asarray(fit.impute()[name], dtype=float) for fit in (near, far))
        np.testing.assert_allclose(there - shift * by, found, rtol=tolerance, atol=tolerance, err_msg=name)
        spread = "cov" if hasattr(near.posterior[name], "cov") else "var"
        one, other = (getattr(fit.posterior[name], spread) for fit in (near, far))
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("shift", [1e4, 1e6])
@pytest.mark.parametrize("name", CASES)
def test_a_shift_of_covariates_moves_means_and_intercepts_alone(name: str, shift: float) -> None:
    case = CASES[name]
    data, start = _shifted(case, shift)
    near = _declared(case).fit(case.data, init=case.start, tol=1e-12)
    far = _declared(case).fit(data, init=start, tol=1e-12)
    _agree(case, far, near, shift, tolerance=1e-5)


@pytest.mark.parametrize("shift", [1e2, 1e4])
@pytest.mark.parametrize("name", NEARER)
def test_a_shift_where_states_choose_slopes(name: str, shift: float) -> None:
    case = NEARER[name]
    data, start = _shifted(case, shift)
    near = _declared(case).fit(case.data, init=case.start, max_iter=40, tol=0)
    far = _declared(case).fit(data, init=start, max_iter=40, tol=0)
    _agree(case, far, near, shift, tolerance=1e-4)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("a known slope", "intercepts of states")])
def test_starts_lie_where_the_data_do(name: str) -> None:
    """A fit from its own start takes about as many iterations far away as nearby, and ends in the same place."""
    case = CASES[name]
    near, far = (_declared(case).fit(_shifted(case, shift)[0], tol=1e-10) for shift in (0.0, 1e6))
    np.testing.assert_allclose(far.objective, near.objective, rtol=1e-9)
    assert len(far.history) <= 1.5 * len(near.history) + 5


def test_what_is_nowhere_seen_is_a_latent() -> None:
    """Its slope at zero would be a saddle: nothing would tell of the covariate, nor the covariate of the data."""
    text = "model M()  plate i in I, g in G  given grp[i] : index[G]  param a : real  param t : positive"
    data = {"y": OF_GROUPS, "grp": GROUP}
    effects = em.parse(f"""{text}  param q : positive  latent x[g] ~ Normal(0, sd=q)
        observed y[i] ~ Normal(a + x[grp[i]], sd=t)""")().fit(data, tol=1e-12)
    loaded = em.parse(f"""{text}  param b : real  observed x[g] missing ~ Normal(0, sd=1)
        observed y[i] ~ Normal(a + b * x[grp[i]], sd=t)""")().fit(data, x=np.full(12, np.nan), tol=1e-12)
    assert loaded.log_likelihood == pytest.approx(effects.log_likelihood, rel=1e-8)
    assert abs(loaded.params["b"]) == pytest.approx(effects.params["q"], rel=1e-4)


def test_levels_are_those_of_rows_that_share_a_law() -> None:
    """A column far from the others has a level of its own."""
    case = CASES["columns"]
    far = np.array([0.0, 1e6])
    data = {**case.data, "x": case.data["x"] + far}
    there = {**case.start, "m": case.start["m"] + far, "a": case.start["a"] - case.start["b"] @ far}
    near = _declared(case).fit(case.data, init=case.start, tol=1e-12)
    fit = _declared(case).fit(data, init=there, tol=1e-12)
    assert fit.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-9)
    np.testing.assert_allclose(fit.params["m"] - far, near.params["m"], atol=1e-5)
    np.testing.assert_allclose(fit.impute()["x"] - far, near.impute()["x"], atol=1e-5)


def test_blocks_with_levels_of_their_own_add_up() -> None:
    """The statistics of two blocks lead to the M-step of the whole, and so do their log likelihoods."""
    for name in ("rows", "several, one on the other", "vectors"):
        case = CASES[name]
        data, start = _shifted(case, 1e3)
        model = _declared(case)
        module = model.program("em").module
        whole, *blocks = (
            {**bind_data(model.bound_model, {key: value[rows] for key, value in data.items()})}
            for rows in (slice(None), slice(20), slice(20, None))
        )
        params = module.from_estimates(start, module.initialise(whole, np.random.default_rng(0)))
        statistics, log_likelihood = module.e_step(whole, params)
        found = [module.e_step(block, params) for block in blocks]
        added = {key: sum(block[key] for block, _ in found) for key in statistics}
        assert sum(one for _, one in found) == pytest.approx(log_likelihood, rel=1e-9)
        expected = module.m_step(statistics, params)
        for key, value in module.m_step(added, params).items():
            np.testing.assert_allclose(value, expected[key], rtol=1e-8, err_msg=f"{key} of {name}")
