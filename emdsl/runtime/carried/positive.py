"""Modes of positive numbers that enter by several statistics: Newton's method in their logarithms."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from emdsl.runtime.carried.degeneracy import DegenerateError
from emdsl.runtime.carried.probabilities import collapse_message


def ascended_positive(
    current: np.ndarray,
    name: str,
    powers: tuple[float, ...],
    gammas: tuple[float, ...],
    logs: np.ndarray,
    entropic: np.ndarray,
    *rest: np.ndarray,
) -> np.ndarray:
    """The maximum in each v > 0, from the current ones upwards, of

        logs · log v + entropic · v log v + Σ_p rest_p · v**p + Σ_c rest_c · log Γ(c v)

    `rest`: coefficients of the powers, then of the gamma functions. Where it only rises towards 0, v is almost 0.
    """
    shape = np.shape(current)
    logs, entropic, *others = (np.broadcast_to(one, shape) for one in (logs, entropic, *rest))
    of_powers, of_gammas = others[: len(powers)], others[len(powers) :]

    def value(u: np.ndarray) -> np.ndarray:
        v = np.exp(u)
        found = logs * u + entropic * v * u + sum(b * np.exp(p * u) for p, b in zip(powers, of_powers))
        return found + sum(n * gammaln(c * v) for c, n in zip(gammas, of_gammas))

    falls = (logs - sum(of_gammas, np.zeros(shape)) <= 0) & (entropic == 0)  # the slope in log v at v → 0, and after
    for p, b in zip(powers, of_powers):
        falls &= b <= 0 if p > 0 else b == 0
    u = np.log(np.maximum(current, 1e-300))
    reached = value(u)
    for _ in range(200):
        v = np.exp(u)
        raised = [np.exp(p * u) for p in powers]
        slope = logs + entropic * v * (u + 1) + sum(p * b * r for p, b, r in zip(powers, of_powers, raised))
        bend = entropic * v * (u + 2) + sum(p * p * b * r for p, b, r in zip(powers, of_powers, raised))
        for c, n in zip(gammas, of_gammas):
            slope = slope + n * c * v * digamma(c * v)
            bend = bend + n * c * v * (digamma(c * v) + c * v * polygamma(1, c * v))
        newton = slope / np.where(bend < 0, -bend, 1.0)
        step = np.where(falls, 0.0, np.clip(np.where(bend < 0, newton, np.sign(slope)), -2.0, 2.0))
        for _ in range(40):
            tried = value(u + step)
            worse = ~(tried >= reached - 1e-14 * (1 + np.abs(reached)))
            if not worse.any():
                break
            step = np.where(worse, step / 2, step)
        step = np.where(worse, 0.0, step)
        u = u + step
        reached = value(u)
        if np.max(np.abs(step), initial=0.0) < 1e-12 * (1 + np.max(np.abs(u), initial=0.0)):
            break
    # v log v and log Γ(v) cancel up to ½ log v, of which rounding leaves no digits
    lost = (entropic != 0) & (np.finfo(float).eps * np.exp(u) * (1 + np.abs(u)) > 0.01)
    unbounded = ~falls & ((u > 100) | lost | ~np.isfinite(reached))
    if unbounded.any():
        raise DegenerateError(collapse_message(name, unbounded))
    return np.where(falls, 1e-300, np.exp(u))


def minorised_positive(
    negative: np.ndarray,
    positive: np.ndarray,
    current: np.ndarray,
    name: str,
    powers: tuple[float, ...],
    gammas: tuple[float, ...],
    logs: np.ndarray,
    entropic: np.ndarray,
    *rest: np.ndarray,
) -> np.ndarray:
    """One step where entries meet in Σ_ij C_ij v_i v_j; `negative`, `positive`: Σ_j (C_ij + C_ji) w_j by sign of C.

    What bounds the sum from below and touches it at w is ½ negative_i v_i² / w_i + positive_i w_i log v_i.
    """
    square = negative / (2 * np.maximum(current, 1e-300))
    arguments = (current, name, (2.0, *powers), gammas, logs + positive * current, entropic)
    return ascended_positive(*arguments, square, *rest)
