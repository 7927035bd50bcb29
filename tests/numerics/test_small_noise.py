"""Noise that is small beside the latents: the log likelihood of a joint normal law keeps its digits.

log p(y) = log p(y, x̄) + ½ log |2πP⁻¹|       against the dense normal law of y in decimals of 60 digits
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, getcontext, localcontext
from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from tests.numerics.models import Array, Values, emitted

DIGITS = 60
LOG_2PI = Decimal("1.83787706640934548356065947281123527972279494727556682563430")
VARIANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
RNG = np.random.default_rng(11)


class Normals:
    """Normal variables, each a number plus a sum of earlier ones and noise of its own, with their covariances."""

    def __init__(self) -> None:
        self.means: list[Decimal] = []
        self.covariance: list[list[Decimal]] = []

    def add(self, parts: Mapping[int, float], variance: float, constant: float = 0.0) -> int:
        """A variable, by the coefficients of those before it."""
        known = {one: Decimal(float(factor)) for one, factor in parts.items()}
        row = [sum(a * self.covariance[one][i] for one, a in known.items()) for i in range(len(self.means))]
        own = sum(a * row[one] for one, a in known.items()) + Decimal(float(variance))
        self.means.append(sum(a * self.means[one] for one, a in known.items()) + Decimal(float(constant)))
        for i, value in enumerate(row):
            self.covariance[i].append(Decimal(value))
        self.covariance.append([*map(Decimal, row), Decimal(own)])
        return len(self.means) - 1

    def log_density(self, values: Mapping[int, float]) -> float:
        """That of some of the variables, by a Cholesky factor."""
        names = list(values)
        factor: list[list[Decimal]] = []
        white: list[Decimal] = []
        total = Decimal(0)
        for place, one in enumerate(names):
            row: list[Decimal] = []
            for column in range(place):
                rest = sum(a * b for a, b in zip(row, factor[column], strict=False))
                row.append((self.covariance[one][names[column]] - rest) / factor[column][column])
            root = (self.covariance[one][one] - sum(a * a for a in row)).sqrt()
            gap = Decimal(float(values[one])) - self.means[one]
            white.append((gap - sum(a * b for a, b in zip(row, white, strict=True))) / root)
            factor.append([*row, root])
            total -= white[-1] ** 2 / 2 + root.ln() + LOG_2PI / 2
        return float(total)


def _level(y: Array, v: float, a: float = 0.9, shift: Array | float = 0.0, given: Array | None = None) -> float:
    """x[0] ~ N(0, 1), x[t] ~ N(a x[t−1], 1), y[t] ~ N(x[t] + shift[t], v); NaN where y, or a given x, is not known."""
    law, seen, before = Normals(), dict[int, float](), -1
    for t, (value, moved) in enumerate(zip(y, np.broadcast_to(shift, y.shape), strict=True)):
        before = law.add({before: a} if t else {}, 1.0)
        seen |= {} if given is None or np.isnan(given[t]) else {before: given[t]}
        seen |= {} if np.isnan(value) else {law.add({before: 1.0}, v, moved): value}
    return law.log_density(seen)


def _levels(n: int, v: float, scale: float = 1.0) -> Array:
    x = scale * np.cumsum(RNG.normal(size=n))
    return x + np.sqrt(v) * RNG.normal(size=n)


LEVEL = """
    model M() time t in T  param a : real  param v : positive
    latent x[0] ~ Normal(0, var=1)  latent x[t] ~ Normal(a * x[t-1], var=1)
    observed y[t] ~ Normal(x[t], var=v)
"""
SERIES = """
    model M() plate s in S  time t in T[s]  param a : real  param v : positive
    latent x[s, 0] ~ Normal(0, var=1)  latent x[s, t] ~ Normal(a * x[s, t-1], var=1)
    observed y[s, t] ~ Normal(x[s, t], var=v)
"""
STATES = """
    model M() time t in T  param A : real[2, 2]  param C : real[3, 2]  param v : positive  param m : real[2]
    given Q : cov[2]
    latent x[0] ~ MvNormal(m, cov=eye(2))  latent x[t] ~ MvNormal(A @ x[t-1], cov=Q)
    observed y[t] ~ MvNormal(C @ x[t], cov=v * eye(3))
"""
A, C, M = np.array([[0.9, 0.2], [-0.1, 0.8]]), np.array([[1.0, 0.0], [0.5, 1.0], [1.0, -1.0]]), np.array([3.0, -2.0])
Q = np.array([[1.0, 0.5], [0.5, 1.0]])


def _states(y: Array, v: float) -> float:
    law, seen, before = Normals(), dict[int, float](), (-1, -1)
    for t, row in enumerate(y):
        if t:
            first = law.add({}, 1.0)
            noise = (first, law.add({first: 0.5}, 0.75))
            x = tuple(law.add({before[0]: A[i, 0], before[1]: A[i, 1], noise[i]: 1.0}, 0.0) for i in range(2))
        else:
            x = tuple(law.add({}, 1.0, M[i]) for i in range(2))
        for d, value in enumerate(row):
            if not np.isnan(value):
                seen[law.add({x[0]: C[d, 0], x[1]: C[d, 1]}, v)] = value
        before = (x[0], x[1])
    return law.log_density(seen)


def _outputs(n: int, v: float) -> Array:
    x = np.cumsum(RNG.normal(size=(n, 2)), axis=0)
    return x @ C.T + np.sqrt(v) * RNG.normal(size=(n, 3))


Case = tuple[str, Values, Values, Any, Callable[[], float]]


def _plain(v: float) -> Case:
    y = _levels(20, v)
    return LEVEL, {"y": y}, {"a": 0.9}, None, lambda: _level(y, v)


def _far(v: float) -> Case:
    """As far from zero as the data are: what is left of them beside the latents is small all the same."""
    X, b = np.column_stack([np.ones(20), np.arange(20.0)]), np.array([1e3, -7.0])
    y = _levels(20, v) + X @ b
    text = LEVEL.replace("param v", "given X[t] : real[2]  param b : real[2]  param v")
    text = text.replace("x[t], var=v", "x[t] + X[t] @ b, var=v")
    return text, {"y": y, "X": X}, {"a": 0.9, "b": b}, None, lambda: _level(y, v, shift=X @ b)


def _unseen(v: float) -> Case:
    y = np.where(np.arange(20) % 3 == 1, np.nan, _levels(20, v))
    return LEVEL.replace("y[t] ~", "y[t] missing ~"), {"y": y}, {"a": 0.9}, None, lambda: _level(y, v)


def _given(v: float) -> Case:
    """Some of the latents are given."""
    y = _levels(20, v)
    x = np.where(np.arange(20) % 4 == 2, y + np.sqrt(v), np.nan)
    return LEVEL, {"y": y, "x": x}, {"a": 0.9}, None, lambda: _level(y, v, given=x)


def _ragged(v: float) -> Case:
    """Series of several lengths, with weights."""
    series, weights = [_levels(n, v) for n in (7, 1, 12)], np.array([2.0, 1.0, 0.5])
    expected = lambda: float(weights @ [_level(y, v) for y in series])  # noqa: E731
    return SERIES, {"y": series}, {"a": 0.9}, {"s": weights}, expected


def _vectors(v: float) -> Case:
    y = _outputs(12, v)
    return STATES, {"y": y, "Q": Q}, {"A": A, "C": C, "m": M}, None, lambda: _states(y, v)


def _entries(v: float) -> Case:
    """Vectors of which entries are missing, so that these are latents too."""
    y = np.where(RNG.random((12, 3)) < 0.2, np.nan, _outputs(12, v))
    text = STATES.replace("y[t] ~", "y[t] missing ~")
    return text, {"y": y, "Q": Q}, {"A": A, "C": C, "m": M}, None, lambda: _states(y, v)


def _regimes(v: float) -> Case:
    """Coefficients that index arrays choose."""
    y, when, a = _levels(16, v), np.arange(16) % 3, np.array([0.9, 0.2, -0.5])
    text = LEVEL.replace("param a : real", "plate k in K  given k_of[t] : index[K]  param a[k] : real")
    text = text.replace("a *", "a[k_of[t]] *")

    def expected() -> float:
        law, seen, before = Normals(), dict[int, float](), -1
        for t, value in enumerate(y):
            before = law.add({before: a[when[t]]} if t else {}, 1.0)
            seen[law.add({before: 1.0}, v)] = value
        return law.log_density(seen)

    return text, {"y": y, "k_of": when}, {"a": a}, None, expected


def _start(v: float) -> Case:
    """A first value that is known."""
    y = 5.0 + _levels(16, v)
    text = LEVEL.replace("x[0] ~ Normal(0, var=1)", "x[0] ~ PointMass(m)").replace("param a", "param m : real  param a")

    def expected() -> float:
        law, seen = Normals(), dict[int, float]()
        before = law.add({}, 0.0, 5.0)
        for t, value in enumerate(y):
            before = law.add({before: 0.9}, 1.0) if t else before
            seen[law.add({before: 1.0}, v)] = value
        return law.log_density(seen)

    return text, {"y": y}, {"a": 0.9, "m": 5.0}, None, expected


def _trend(v: float) -> Case:
    """Two latents, one in the law of the other."""
    y = np.cumsum(_levels(16, v))
    text = """
        model M() time t in T  param v : positive
        latent x[0] ~ Normal(0, var=1)  latent g[0] ~ Normal(0, var=1)
        latent g[t] ~ Normal(g[t-1], var=1)  latent x[t] ~ Normal(x[t-1] + g[t-1], var=1)
        observed y[t] ~ Normal(x[t], var=v)
    """

    def expected() -> float:
        law, seen = Normals(), dict[int, float]()
        x, g = law.add({}, 1.0), law.add({}, 1.0)
        for t, value in enumerate(y):
            if t:
                x, g = law.add({x: 1.0, g: 1.0}, 1.0), law.add({g: 1.0}, 1.0)
            seen[law.add({x: 1.0}, v)] = value
        return law.log_density(seen)

    return text, {"y": y}, {}, None, expected


def _groups(v: float) -> Case:
    """No time: intercepts of groups, rows with weights."""
    group, weights = np.arange(18) % 4, np.array([1.0, 2.0, 0.5, 1.0])
    y = (RNG.normal(size=4) + 50.0)[group] + np.sqrt(v) * RNG.normal(size=18)
    text = """
        model M() plate g in G, i in I  given grp[i] : index[G]  param m : real  param s : positive  param v : positive
        latent b[g] ~ Normal(m, var=s)  observed y[i] ~ Normal(b[grp[i]], var=v)
    """

    def expected() -> float:
        total = 0.0
        for g, weight in enumerate(weights):
            law = Normals()
            b = law.add({}, 2.0, 49.0)
            total += weight * law.log_density({law.add({b: 1.0}, v): value for value in y[group == g]})
        return total

    return text, {"y": y, "grp": group}, {"m": 49.0, "s": 2.0}, {"g": weights}, expected


CASES = (_plain, _far, _unseen, _given, _ragged, _vectors, _entries, _regimes, _start, _trend, _groups)
#: Where a missing value is a latent, what it tells of others cancels in the precision itself.
SMALLEST = {_entries: 1e-8}


@pytest.mark.parametrize(
    "case, v",
    [(case, v) for case in CASES for v in VARIANCES if v >= SMALLEST.get(case, 0.0)],
    ids=lambda one: one.__name__[1:] if callable(one) else f"{one:g}",
)
def test_log_likelihood(case: Callable[[float], Case], v: float) -> None:
    text, data, params, weights, expected = case(v)
    module, bound = emitted(text, weights=weights, **data)
    values = {name: np.asarray(value, float) for name, value in {**params, "v": v}.items()}
    with localcontext(getcontext().copy()) as context:
        context.prec = DIGITS
        wanted = expected()
    assert module.e_step(bound, values)[1] == pytest.approx(wanted, rel=1e-10, abs=1e-9)


FITS: dict[str, tuple[str, Values, Values]] = {
    "level": (LEVEL, {"y": _levels(300, 1e-10)}, {"a": 1.0, "v": 2e-10}),
    "groups": (_groups(1e-12)[0], _groups(1e-12)[1], {"m": 50.0, "s": 1.0, "v": 4e-12}),
}


@pytest.mark.parametrize("name", FITS)
def test_fits(name: str) -> None:
    """No step lowers the log likelihood, and none is taken for one that does."""
    text, data, start = FITS[name]
    fit = parse(text)().fit(**data, init=start, max_iter=200, tol=1e-12)
    assert np.all(np.diff(fit.history) >= -1e-12 * np.abs(fit.history[1:]))


def test_trends_near_the_boundary() -> None:
    """The noise of the level and of its slope are all but nothing beside that of what is seen, or that beside them."""
    text = """
        model M() time t in T  param v : positive  param q : positive  param s : positive
        latent x[0] ~ Normal(0, var=1)  latent g[0] ~ Normal(0, var=1)
        latent g[t] ~ Normal(g[t-1], var=s)  latent x[t] ~ Normal(x[t-1] + g[t-1], var=q)
        observed y[t] ~ Normal(x[t], var=v)
    """
    for noise, level, slope in ((1.0, 0.0, 0.0), (1.0, 0.3, 0.0), (1e-4, 0.3, 0.05), (1e-4, 0.0, 0.05)):
        rng = np.random.default_rng(7)
        y = np.cumsum(slope * np.cumsum(rng.normal(size=80)) + level * rng.normal(size=80))
        y = y + noise * rng.normal(size=80)
        fit = parse(text)().fit(y=y, init={"v": 1.0, "q": 1.0, "s": 0.1}, max_iter=600, tol=1e-12)
        assert np.all(np.diff(fit.history) >= -1e-12 * (1 + np.abs(fit.history[1:])))
