"""Integrals of exp f over R^n, as weighted points: exact for a quadratic f, by quadrature otherwise.

    log Z = log ∫ exp f(u) du,   E[g] ≈ sum_i weight_i g(point_i)

For a quadratic f the points are the 2n sigma points m ± sqrt(n) L e_i, exact for every g of degree up to 3. Otherwise
u = m + L sinh(v) with the mode m: composite Gauss-Legendre in one dimension, the trapezoidal rule in two and three.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize
from scipy.special import logsumexp

Vector = np.ndarray[Any, Any]
Function = Callable[[Vector], float]
Points = list[tuple[float, Vector]]

#: How far below its top a log integrand is cut off.
DEPTH = 50.0


def integrate(f: Function, start: Vector) -> tuple[float, Points]:
    """log ∫ exp f and weighted points of the normalised exp f; at most 3 dimensions unless f is quadratic."""
    with np.errstate(invalid="ignore"):
        result = _gaussian(f, start)
    if result is not None:
        return result
    if len(start) > 3:
        raise NotImplementedError(f"{len(start)}-dimensional integral that is not Gaussian")
    return _line(f, start) if len(start) == 1 else _grid(f, start)


def second_order(f: Function, centre: Vector, basis: Vector) -> tuple[float, Vector, Vector]:
    """Value, gradient (n,) and Hessian (n, n) of v -> f(centre + basis v) at 0, exact for a quadratic f."""
    n = len(centre)
    value = f(centre)
    plus, minus = (np.array([f(centre + sign * basis[:, i]) for i in range(n)]) for sign in (1, -1))
    hessian = np.diag(plus + minus - 2 * value)
    for i, j in itertools.combinations(range(n), 2):
        hessian[i, j] = hessian[j, i] = f(centre + basis[:, i] + basis[:, j]) - plus[i] - plus[j] + value
    return value, (plus - minus) / 2, hessian


def _gaussian(f: Function, start: Vector) -> tuple[float, Points] | None:
    """The closed form, or None where f is not quadratic and concave."""
    n = len(start)
    centre: Vector = start
    basis: Vector = np.eye(n)
    for again in (False, True):  # the second time around the mean, in units of the standard deviation: no cancellation
        value, gradient, hessian = second_order(f, centre, basis)
        if not np.all(np.isfinite(hessian)) or np.linalg.eigvalsh(hessian)[-1] >= 0:
            return None
        covariance = basis @ np.linalg.inv(-hessian) @ basis.T
        shift = np.linalg.solve(-hessian, gradient)
        if again:
            break
        centre, basis = centre + basis @ shift, np.linalg.cholesky((covariance + covariance.T) / 2)
    probe = np.random.default_rng(0)
    for v in 2 * probe.standard_normal((3, n)):
        expected = value + gradient @ v + v @ hessian @ v / 2
        if not abs(f(centre + basis @ v) - expected) <= 1e-8 * (1 + abs(expected)):
            return None
    log_z = value + gradient @ shift / 2 + n / 2 * np.log(2 * np.pi)
    log_z += np.linalg.slogdet(basis)[1] - np.linalg.slogdet(-hessian)[1] / 2
    mean, root = centre + basis @ shift, np.sqrt(n) * np.linalg.cholesky((covariance + covariance.T) / 2)
    return float(log_z), [(0.5 / n, mean + sign * root[:, i]) for i in range(n) for sign in (1, -1)]


def _mode(f: Function, start: Vector) -> tuple[Vector, Vector]:
    """The mode and a Cholesky factor of minus the inverse Hessian there (the identity, where it is not a peak)."""

    def cost(u: Vector) -> float:
        value = f(u)
        return -value if np.isfinite(value) else 1e300

    mode = optimize.minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-8, "maxiter": 2000}
    ).x
    step = 1e-3
    hessian = second_order(f, mode, step * np.eye(len(mode)))[2] / step**2
    if np.all(np.isfinite(hessian)) and np.linalg.eigvalsh(hessian)[-1] < 0:
        return mode, np.linalg.cholesky(np.linalg.inv(-hessian))
    return mode, np.eye(len(mode))


def _line(f: Function, start: Vector, width: float = 0.9, order: int = 10) -> tuple[float, Points]:
    mode, scale = _mode(f, start)

    def at(v: float) -> float:
        return f(mode + scale[0] * np.sinh(v)) + float(np.log(scale[0, 0] * np.cosh(v)))

    top = at(0.0)
    low, high = (_reach(at, sign, top) for sign in (-1.0, 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(order)
    left, right = (int(np.ceil(abs(end) / width)) for end in (low, high))
    edges = np.concatenate([np.linspace(low, 0, left + 1), np.linspace(0, high, right + 1)[1:]])
    half = np.diff(edges) / 2
    v = ((edges[:-1] + half)[:, None] + half[:, None] * nodes).ravel()
    log_weights = np.array([at(x) for x in v]) + np.log(half[:, None] * weights).ravel()
    return _normalised(log_weights, [mode + scale[0] * np.sinh(x) for x in v])


def _reach(at: Callable[[float], float], sign: float, top: float) -> float:
    """The end of the line on one side: where the integrand is `DEPTH` below its top."""
    v = 0.5
    while at(sign * v) > top - DEPTH and v < 40:
        v += 0.5
    return sign * v


def _grid(f: Function, start: Vector, reach: float = 4.4) -> tuple[float, Points]:
    mode, root = _mode(f, start)
    axis = np.linspace(-reach, reach, 49 if len(start) == 2 else 25)
    log_step = len(start) * np.log(axis[1] - axis[0]) + np.linalg.slogdet(root)[1]
    log_weights, points = [], []
    for v in itertools.product(axis, repeat=len(start)):
        point = mode + root @ np.sinh(v)
        points.append(point)
        log_weights.append(f(point) + np.sum(np.log(np.cosh(v))) + log_step)
    return _normalised(np.array(log_weights), points)


def _normalised(log_weights: Vector, points: list[Vector]) -> tuple[float, Points]:
    log_z = float(logsumexp(log_weights))
    return log_z, [(float(np.exp(w - log_z)), p) for w, p in zip(log_weights, points, strict=True) if w > log_z - DEPTH]
