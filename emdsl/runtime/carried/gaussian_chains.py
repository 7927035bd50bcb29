"""Gaussian chains: block tridiagonal precisions of many series laid end to end, solved without a loop over time.

Row t has the diagonal block Dₜ and is coupled to row t−1 by Aₜ, which is zero where a series starts.
"""

from __future__ import annotations

import numpy as np


def inverse_halves(matrix: np.ndarray) -> np.ndarray:
    """Inverse Cholesky factors W, WᵀW = matrix⁻¹, of symmetric positive definite matrices (row, entry, entry)."""
    n, d = matrix.shape[:2]
    if d > 8 or (n < 16 and d > 1):
        return np.linalg.inv(np.linalg.cholesky(matrix))
    return np.moveaxis(inverse_halves_last(np.ascontiguousarray(np.moveaxis(matrix, 0, 2))), 2, 0)


def inverse_halves_last(matrix: np.ndarray) -> np.ndarray:
    """As `inverse_halves` for (entry, entry, row): arithmetic on whole rows where the matrices are small."""
    d = len(matrix)
    matrix = np.ascontiguousarray(matrix) if 5 < d <= 8 else matrix
    if d > 8:
        return np.moveaxis(np.linalg.inv(np.linalg.cholesky(np.moveaxis(matrix, 2, 0))), 0, 2)
    lower, result = np.zeros(matrix.shape), np.zeros(matrix.shape)
    for j in range(d):
        pivot = matrix[j, j] - np.einsum("kn,kn->n", lower[j, :j], lower[j, :j])
        if not np.all(pivot > 0.0):
            raise np.linalg.LinAlgError("the precision of the joint Gaussian is not positive definite")
        result[j, j] = 1.0 / np.sqrt(pivot)
        for i in range(j + 1, d):
            lower[i, j] = (matrix[i, j] - np.einsum("kn,kn->n", lower[i, :j], lower[j, :j])) * result[j, j]
    for j in range(d):
        for i in range(j + 1, d):
            result[i, j] = -np.einsum("kn,kn->n", lower[i, j:i], result[j:i, j]) * result[i, i]
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(result, 2, 0)), 0, 2) if d > 5 else result


def products_last(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Products of matrices (entry, entry, row) row by row; those above 5 by 5 lie in memory by rows."""
    if max(one.shape[:2]) <= 5:
        return np.einsum("ijn,jkn->ikn", one, two)
    return np.moveaxis(np.moveaxis(one, 2, 0) @ np.moveaxis(two, 2, 0), 0, 2)


def chain_moments(
    diagonal: np.ndarray,
    lower: np.ndarray,
    starts: np.ndarray,
    sides: np.ndarray,
    counts: np.ndarray | None = None,
    by_row: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Solutions (row, entry, side), covariances (row, entry, entry), those with the row before, the log partition (2,).

    diagonal: (row, entry, entry); lower: (row, entry, entry), zero where a series starts; starts: (row,), True there;
    sides: (row, entry, side). The log partition belongs to the first side as linear term; counts: (row,), how often
    the series of each row counts in it. by_row: what each row adds to it, (2, row).
    """
    volume = 0.5 * np.log(2 * np.pi) * sides.shape[1]
    found = steady_chain(diagonal, lower, starts, sides) if counts is None and not by_row else None
    if found is not None:
        solution, spread, lag, quadratic, total = found
        return solution, spread, lag, np.array([0.5 * quadratic, total + volume * sides.shape[0]])
    moved = [np.moveaxis(part, 0, 2) for part in (diagonal, lower, sides)]
    whole, below, right = (part if len(part) > 5 else np.ascontiguousarray(part) for part in moved)
    *moments, peaks, log_halves = reduced_chain(whole, below, right)
    solution, spread, lag = (np.ascontiguousarray(np.moveaxis(part, 2, 0)) for part in moments)
    parts = np.array([0.5 * peaks, log_halves + volume])
    if not by_row:
        parts = parts.sum(axis=1) if counts is None else parts @ counts
    return solution, spread, lag, parts


def reduced_chain(
    diagonal: np.ndarray, lower: np.ndarray, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Odd-even reduction, rows last: solution, covariances, lag-one ones; what rows add to hᵀP⁻¹h and −½ log |P|.

    Given its two neighbours every odd row is independent of the rest: x = Wᵀ(u − W_l x_before − W_u x_after + noise).
    They are integrated out all at once, and what is left is a chain of half the length.
    """
    d, n = diagonal.shape[1:]
    odd, after = n // 2, (n - 1) // 2
    half = inverse_halves_last(diagonal if n == 1 else diagonal[..., 1::2])
    turned = np.swapaxes(half, 0, 1)
    own_halves = np.log(half[range(d), range(d)]).sum(axis=0)
    if n == 1:
        white = products_last(half, sides)
        peak = (white[:, 0] ** 2).sum(axis=0)
        return products_last(turned, white), products_last(turned, half), np.zeros((d, d, 1)), peak, own_halves
    white = products_last(half, sides[..., 1::2])
    before_odd = products_last(half, lower[..., 1::2])
    after_odd = products_last(half[..., :after], np.swapaxes(lower[..., 2::2], 0, 1))
    before_turned, after_turned = np.swapaxes(before_odd, 0, 1), np.swapaxes(after_odd, 0, 1)
    rest, rest_sides = diagonal[..., 0::2].copy(order="K"), sides[..., 0::2].copy(order="K")
    rest_lower = np.zeros_like(rest)
    rest[..., :odd] -= products_last(before_turned, before_odd)
    rest[..., 1 : 1 + after] -= products_last(after_turned, after_odd)
    rest_sides[..., :odd] -= products_last(before_turned, white)
    rest_sides[..., 1 : 1 + after] -= products_last(after_turned, white[..., :after])
    rest_lower[..., 1 : 1 + after] = -products_last(after_turned, before_odd[..., :after])
    means, spreads, lags, rest_peaks, rest_halves = reduced_chain(rest, rest_lower, rest_sides)
    solution, spread, lag = np.empty_like(sides), np.empty_like(diagonal), np.zeros_like(diagonal)
    peaks, log_halves = np.empty(n), np.empty(n)
    peaks[0::2], peaks[1::2] = rest_peaks, (white[:, 0] ** 2).sum(axis=0)
    log_halves[0::2], log_halves[1::2] = rest_halves, own_halves
    white -= products_last(before_odd, means[..., :odd])
    white[..., :after] -= products_last(after_odd, means[..., 1 : 1 + after])
    solution[..., 0::2], solution[..., 1::2] = means, products_last(turned, white)
    # Covariances of Wᵀ⁻¹x with the neighbours; those of the neighbours with each other are lags of the rest.
    between = lags[..., 1 : 1 + after]
    with_before = products_last(before_odd, spreads[..., :odd])
    with_before[..., :after] += products_last(after_odd, between)
    with_after = products_last(before_odd[..., :after], np.swapaxes(between, 0, 1))
    with_after += products_last(after_odd, spreads[..., 1 : 1 + after])
    inner = products_last(with_before, before_turned)
    inner[..., :after] += products_last(with_after, after_turned)
    inner[range(d), range(d)] += 1.0
    spread[..., 0::2] = spreads
    spread[..., 1::2] = products_last(products_last(turned, inner), half)
    lag[..., 1::2] = -products_last(turned, with_before)
    lag[..., 2::2] = -np.swapaxes(products_last(turned[..., :after], with_after), 0, 1)
    return solution, spread, lag, peaks, log_halves


def steady_chain(
    diagonal: np.ndarray, lower: np.ndarray, starts: np.ndarray, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float] | None:
    """As `reduced_chain`, rows first, with sums over all rows, for series of one length whose blocks seldom change.

    Forwards Fₜ = Dₜ − AₜFₜ₋₁⁻¹Aₜᵀ and backwards the covariances Cₜ = Fₜ⁻¹ + Kₜ₊₁ᵀCₜ₊₁Kₜ₊₁ with Kₜ = AₜFₜ₋₁⁻¹ soon stop
    changing; from there on the coefficients are constant. None where that would take too many steps.
    """
    n, d = diagonal.shape[:2]
    begin = np.flatnonzero(starts)
    count, length = len(begin), n // len(begin)
    if n < 400 or not np.array_equal(begin, length * np.arange(count)) or count * length != n:
        return None
    pattern, coupled = diagonal[:length], lower[:length]
    budget = 40 + n // 400
    same = np.ones(length, dtype=bool)
    same[0] = False
    for part in (pattern, coupled):
        same[np.flatnonzero(part[1:] != part[:-1]) // (d * d) + 1] = False
    if length - np.count_nonzero(same) > budget:
        return None
    for part, first in ((diagonal, pattern), (lower, coupled)):
        if count > 1 and not np.all(part.reshape(count, length, d, d) == first):
            return None
    forward = steady_factors(pattern, coupled, same, budget)
    backward = None if forward is None else steady_covariances(*forward, budget)
    if forward is None or backward is None:
        return None
    halves, gains, at = forward
    solution, quadratic = steady_means(halves, gains, at, sides.reshape(count, length, d, -1))
    spread, lag = np.empty((count, length, d, d)), np.empty((count, length, d, d))
    for at_first, end in equal_stretches(backward[2]):
        spread[:, at_first:end] = backward[0][backward[2][at_first]]
        lag[:, at_first:end] = backward[1][backward[2][at_first]]
    log_halves = np.log(np.diagonal(halves, axis1=1, axis2=2)).sum(axis=1)
    total = count * float(np.bincount(at, minlength=len(halves)) @ log_halves)
    return solution.reshape(sides.shape), spread.reshape(n, d, d), lag.reshape(n, d, d), quadratic, total


def equal_stretches(at: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last position of each stretch of equal numbers."""
    edges = [0, *(np.flatnonzero(at[1:] != at[:-1]) + 1).tolist(), len(at)]
    return [(edges[k], edges[k + 1]) for k in range(len(edges) - 1)]


def steady_factors(
    diagonal: np.ndarray, lower: np.ndarray, same: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The distinct inverse factors of Fₜ and gains Kₜ, and which of them each row has.

    same: (row,), whether a row has the blocks of the row before. Within a stretch of equal blocks the recursion stops
    once its steps, at their rate of decrease, add up to nothing.
    """
    n, d = diagonal.shape[:2]
    changes = np.append(np.flatnonzero(~same), n)
    halves: list[np.ndarray] = []
    gains: list[np.ndarray] = []
    at = np.empty(n, dtype=int)
    inverse_before, before, step_before, t = np.zeros((d, d)), np.zeros((d, d)), np.inf, 0
    while t < n:
        if len(halves) >= budget:
            return None
        gain = lower[t] @ inverse_before
        block = diagonal[t] - gain @ lower[t].T
        block = (block + block.T) / 2
        scale = np.sqrt(np.diagonal(diagonal[t]))
        step = float((np.abs(block - before) / (scale[:, None] * scale)).max()) if same[t] else np.inf
        half = np.linalg.inv(np.linalg.cholesky(block))
        steady = step <= 1e-15 or (
            step <= 1e-13 and step < 0.9 * step_before and step / (1 - step / step_before) < 1e-15
        )
        last = int(changes[np.searchsorted(changes, t, side="right")]) if steady else t + 1
        at[t:last] = len(halves)
        halves.append(half)
        gains.append(gain)
        inverse_before, before, step_before, t = half.T @ half, block, step, last
    return np.array(halves), np.array(gains), at


def steady_covariances(
    halves: np.ndarray, gains: np.ndarray, at: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The distinct covariances Cₜ and lag-one covariances −CₜKₜ, and which of them each row has."""
    inverses = np.swapaxes(halves, 1, 2) @ halves
    begins = np.append(0, np.flatnonzero(at[1:] != at[:-1]) + 1)
    spreads: list[np.ndarray] = []
    lags: list[np.ndarray] = []
    which = np.empty(len(at), dtype=int)
    spread, t = inverses[at[-1]], len(at) - 1
    while t >= 0:
        if len(spreads) >= budget:
            return None
        first = t
        if t < len(at) - 1:
            gain = gains[at[t + 1]]
            after, spread = spread, inverses[at[t]] + gain.T @ spread @ gain
            scale = np.sqrt(np.diagonal(spread))
            constant = t + 2 < len(at) and at[t] == at[t + 1] == at[t + 2]
            if constant and np.all(np.abs(spread - after) <= 1e-15 * scale[:, None] * scale):
                # Down to the row whose own factor is still this one.
                first = int(begins[np.searchsorted(begins, t, side="right") - 1])
        which[first : t + 1] = len(spreads)
        spreads.append(spread)
        lags.append(-spread @ gains[at[t]])
        t = first - 1
    return np.array(spreads), np.array(lags), which


def steady_means(halves: np.ndarray, gains: np.ndarray, at: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, float]:
    """Solutions (series, row, entry, side) and hᵀP⁻¹h of the first: fₜ = hₜ − Kₜfₜ₋₁, then xₜ = Fₜ⁻¹fₜ − Kₜ₊₁ᵀxₜ₊₁."""
    count, length, d, width = sides.shape
    work = np.ascontiguousarray(np.moveaxis(sides, 3, 1)).reshape(count * width, length, d)
    work = work.copy() if np.shares_memory(work, sides) else work
    for first, last in equal_stretches(at):
        before = work[:, first - 1] if first else np.zeros((count * width, d))
        work[:, first:last] = linear_recurrence(-gains[at[first]].T, work[:, first:last], before)
    quadratic = 0.0
    for first, last in equal_stretches(at):
        half = halves[at[first]]
        white = work[:, first:last] @ half.T
        quadratic += float((white[::width] ** 2).sum())
        work[:, first:last] = white @ half
    # Row t goes with the gain of row t + 1; the last row has none.
    for first, last in reversed(equal_stretches(at[1:])):
        part = work[:, first:last][:, ::-1]
        work[:, first:last] = linear_recurrence(-gains[at[last]], part, work[:, last])[:, ::-1]
    return np.moveaxis(work.reshape(count, width, length, d), 1, 3), quadratic


def linear_recurrence(step: np.ndarray, inputs: np.ndarray, before: np.ndarray) -> np.ndarray:
    """yₜ = inputsₜ + yₜ₋₁ step for (series, row, entry), where y before the first row is `before` (series, entry).

    In blocks of rows: one product with all powers of `step` inside each block, then the recurrence over blocks' ends.
    """
    count, n, d = inputs.shape
    block = min(max(64 // d, 4), 32)
    if n <= 2 * block or count > 200:
        result = np.empty(inputs.shape)
        for t in range(n):
            before = inputs[:, t] + before @ step
            result[:, t] = before
        return result
    powers = [np.eye(d)]
    for _ in range(block):
        powers.append(powers[-1] @ step)
    kernel = np.zeros((block * d, block * d))
    for s in range(block):
        kernel[s * d : (s + 1) * d, s * d :] = np.concatenate(powers[: block - s], axis=1)
    inside = n // block * block
    result = np.empty(inputs.shape)
    part = inputs[:, :inside].reshape(count, -1, block * d) @ kernel
    ends = linear_recurrence(powers[block], part[:, :, -d:], before)
    begins = np.concatenate([before[:, None], ends[:, :-1]], axis=1)
    part += begins @ np.concatenate(powers[1:], axis=1)
    result[:, :inside] = part.reshape(count, inside, d)
    if inside < n:
        result[:, inside:] = linear_recurrence(step, inputs[:, inside:], result[:, inside - 1])
    return result
