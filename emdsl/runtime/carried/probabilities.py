"""Probabilities and positive numbers, with care at zero.

0 · log 0 = 0        nothing counted: uniform, or the pooled value
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from emdsl.runtime.carried.degeneracy import DegenerateError


def log_probability(p: np.ndarray) -> np.ndarray:
    """log p, finite at zero so that 0 · log 0 = 0 in matrix products."""
    return np.log(np.maximum(p, 1e-300))


def log_complement(p: np.ndarray) -> np.ndarray:
    """log(1 − p), finite at one as `log_probability` is at zero."""
    below = np.log1p(-np.minimum(p, 1 - 2.0**-53))
    return np.where(np.less(p, 1), below, np.log(1e-300))


def log_gamma(x: np.ndarray) -> np.ndarray:
    """log Γ(x), and beyond every finite number at 0, −1, …, where 1/Γ is zero: what that counts is impossible."""
    return np.where(np.less_equal(x, 0), 1e100, gammaln(np.maximum(x, 1e-300)))


def softmax_last(logits: np.ndarray) -> np.ndarray:
    """Probabilities in proportion to exp of logits (…, state)."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def log_softmax_last(logits: np.ndarray) -> np.ndarray:
    """The logarithms of `softmax_last`."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def normalised(counts: np.ndarray) -> np.ndarray:
    """Counts over their sum along the last axis; uniform where nothing was counted."""
    counts = np.maximum(counts, 0.0)
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), 1.0 / counts.shape[-1])


def interior_share(counts: np.ndarray, name: str) -> np.ndarray:
    """Counts over their sum where a prior takes some away."""
    return normalised(interior_counts(counts, name))


def interior_counts(counts: np.ndarray, name: str) -> np.ndarray:
    """Counts of which a prior takes some away; a negative one has its mode on the boundary."""
    if np.min(counts) < 0:
        place = tuple(int(index) for index in np.argwhere(counts < 0)[0])
        raise DegenerateError(
            f"the posterior of `{name}` is unbounded at {place}, where it vanishes: "
            "give it a concentration of at least 1, or use the method vb"
        )
    return counts


def interior_proportion(successes: np.ndarray, failures: np.ndarray, name: str) -> np.ndarray:
    """A proportion where a prior takes counts away; a negative count has its mode on the boundary."""
    if np.min(successes) < 0 or np.min(failures) < 0:
        raise DegenerateError(
            f"the posterior of `{name}` is unbounded at 0 or 1: give its prior parameters of at least 1, "
            "or use the method vb"
        )
    return proportion(successes, failures)


def proportion(successes: np.ndarray, failures: np.ndarray) -> np.ndarray:
    """successes / (successes + failures); a half where nothing was counted."""
    successes, failures = np.maximum(successes, 0.0), np.maximum(failures, 0.0)
    total = successes + failures
    return np.where(total > 0, successes / np.where(total > 0, total, 1.0), 0.5)


def quotient(numerator: np.ndarray, count: np.ndarray) -> np.ndarray:
    """numerator / count, and 0 where the count is 0: an empty component stays at its reference point."""
    return np.where(count != 0, numerator / np.where(count != 0, count, 1.0), 0.0)


def positive_root(numerator: np.ndarray, denominator: np.ndarray, root: float, name: str) -> np.ndarray:
    """(numerator / denominator)^root for a rate or precision; an empty component keeps the pooled value."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    total = float(np.max(numerator, initial=0.0))
    empty = numerator <= 1e-12 * total
    pooled = max(float(numerator.sum()), 0.0) / max(float(denominator.sum()), 1e-300)
    value = np.where(denominator > 0, numerator, np.nan) / np.where(denominator > 0, denominator, 1.0)
    value = np.where(empty & (denominator <= 0), pooled, value)
    if not np.all(np.isfinite(value)):
        raise DegenerateError(collapse_message(name, ~np.isfinite(value)))
    return np.maximum(value, 1e-300) ** root


def beta_prime_mode(
    name: str, scales: list[float], count: np.ndarray, rate: np.ndarray, *tails: np.ndarray
) -> np.ndarray:
    """The mode of v^count Π (1 + v / scale)^−tail exp(−rate v), scales ascending; an empty one has the pooled value."""
    low, high = (
        _beta_prime_root(name, count, rate, sum(tails[1:], tails[0]), scale) for scale in (scales[0], scales[-1])
    )
    if len(scales) == 1:
        return low
    for _ in range(60):
        middle = np.sqrt(low) * np.sqrt(high)
        rising = count > middle * (rate + sum(tail / (middle + scale) for tail, scale in zip(tails, scales)))
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.sqrt(low) * np.sqrt(high)


def _beta_prime_root(name: str, count: np.ndarray, rate: np.ndarray, tail: np.ndarray, scale: float) -> np.ndarray:
    """The positive root of rate v² + (rate scale + tail − count) v = count scale, by the form that cancels nothing."""
    slope = rate * scale + tail - count
    root = np.sqrt(slope**2 + 4 * rate * scale * np.maximum(count, 0.0))
    falls = slope >= 0
    above, below = np.where(falls, 2 * scale * count, root - slope), np.where(falls, slope + root, 2 * rate)
    return positive_root(above, below, 1.0, name)


def spread_root(numerator: np.ndarray, denominator: np.ndarray, root: float, name: str) -> np.ndarray:
    """(numerator / denominator)^root for a variance or standard deviation; an empty component gets the pooled one.

    1 where nothing was counted at all, as of steps in series of length one: any value would be as likely.
    """
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    if not np.any(denominator):
        return np.ones(denominator.shape)
    empty = denominator <= 1e-12 * float(np.max(denominator))
    pooled = numerator.sum() / max(float(denominator.sum()), 1e-300)
    value = np.where(empty, pooled, numerator / np.where(empty, 1.0, denominator))
    bad = ~np.isfinite(value) | (value <= 1e-24 * max(float(pooled), 0.0))
    if np.any(bad):
        raise DegenerateError(collapse_message(name, bad))
    return value**root


def left_of(summands: np.ndarray, squares: np.ndarray, name: str) -> np.ndarray:
    """Squares that are what is left of the summands; a rest that is no more than rounding is a collapse."""
    if np.any((squares <= 1e-13 * summands) & (summands > 0)):
        raise DegenerateError(
            f"`{name}` collapsed: beside the distances between states it is no more than rounding; "
            "tie it over the plate, give it a prior, or start elsewhere"
        )
    return squares


def collapse_message(name: str, where: np.ndarray) -> str:
    """Which entry of a parameter collapsed, and what to do."""
    place = tuple(int(index) for index in np.argwhere(where)[0])
    at = f" at {place}" if place else ""
    return (
        f"`{name}` collapsed{at}: the likelihood is unbounded there; "
        "tie it over the plate, give it a prior, or start elsewhere"
    )


def held_at(value: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The held entries, exactly, and the free ones of `value`; held is NaN where free."""
    return np.where(np.isnan(held), value, held)


def held_share(probabilities: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The held entries of a simplex, exactly; the free ones share the rest in their proportions."""
    free = np.isnan(held)
    rest = 1.0 - np.where(free, 0.0, held).sum(axis=-1, keepdims=True)
    return np.where(free, rest * normalised(np.where(free, probabilities, 0.0)), held)


def observed(values: np.ndarray) -> np.ndarray:
    """1 where a value is there, 0 where it is missing."""
    return 1.0 - np.isnan(values)


def differs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 where two values differ, 0 where they agree."""
    return np.not_equal(one, other).astype(float)


def one_hot(values: np.ndarray, categories: int) -> np.ndarray:
    """The one-hot of values, with the category as a last axis; NaN is no category."""
    return np.equal(np.asarray(values)[..., None], np.arange(categories)).astype(float)


def is_category(values: np.ndarray, category: int) -> np.ndarray:
    """1 where a value is the category, else 0; NaN is no category."""
    return np.equal(values, category).astype(float)


def filled(values: np.ndarray) -> np.ndarray:
    """Values with ½, which lies inside every support, where they are missing; a mask takes it out again."""
    return np.where(np.isnan(values), 0.5, values)
