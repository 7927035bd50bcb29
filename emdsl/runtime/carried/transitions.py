"""Stationary laws of transition matrices, and rows of such matrices that these enter.

π_k = w_k / Σ_j w_j,    w_k = Σ over trees into k of Π of their entries A_ij             [Leighton1986]
"""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.degeneracy import DegenerateError
from emdsl.runtime.carried.probabilities import log_probability


def stationary(matrix: np.ndarray) -> np.ndarray:
    """π (…, state) with π A = π and Σ π = 1, for A (…, state, state); 0 where zeros let a state be left for ever."""
    if np.all(matrix > 0):
        return states_taken_out(matrix)[0]
    first = np.argmax(reached_from_all(matrix > 0), axis=-1)[..., None]
    order = np.argsort(np.arange(matrix.shape[-1]) != first, axis=-1, kind="stable")
    moved = np.take_along_axis(np.take_along_axis(matrix, order[..., :, None], axis=-2), order[..., None, :], axis=-1)
    return np.take_along_axis(states_taken_out(moved)[0], np.argsort(order, axis=-1), axis=-1)


def states_taken_out(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """π (…, state) and log Σ_k w_k (…), w_k the sum over trees into k of the products of their weights: π = w / Σ w.

    weights (…, state, state), the diagonal not read; the first state can be reached from all. The last state is taken
    out, i → j via it counting as i → j, then the one before; no subtraction costs digits. [Grassmann1985]
    """
    states = weights.shape[-1]
    left, law = weights.astype(float), np.zeros(weights.shape[:-1])
    law[..., 0], log_total = 1.0, np.zeros(weights.shape[:-2])
    for state in range(states - 1, 0, -1):
        leaves = np.maximum(left[..., state, :state].sum(axis=-1), 1e-300)
        left[..., :state, state] /= leaves[..., None]
        left[..., :state, :state] += left[..., :state, state, None] * left[..., state, None, :state]
        log_total += np.log(leaves)
    for state in range(1, states):
        law[..., state] = (law[..., :state] * left[..., :state, state]).sum(axis=-1)
        log_total += np.log1p(law[..., state])
        law /= law.sum(axis=-1, keepdims=True)
    return law, log_total


def reached_from_all(steps: np.ndarray) -> np.ndarray:
    """Which states (…, state) all states lead to by possible steps (…, state, state): those of a stationary law."""
    ways = steps | np.eye(steps.shape[-1], dtype=bool)
    for _ in range(steps.shape[-1].bit_length()):
        ways = np.matmul(ways, ways)
    reached = np.asarray(ways.all(axis=-2))
    if not np.all(reached.any(axis=-1)):
        raise DegenerateError(
            "no state of a transition matrix is reached from all others, so that it has more than one stationary law: "
            "hold fewer entries at 0"
        )
    return reached


def ascended_transitions(
    matrix: np.ndarray, counts: np.ndarray | float, starts: np.ndarray, held: np.ndarray | None = None
) -> np.ndarray:
    """Rows A (…, state, state) that raise Σ counts log A + Σ starts log π(A), by L-BFGS from the current ones.

    A = softmax(θ); with M = (I − A + 1 1ᵀ)⁻¹ and g = starts / π the derivative of the second sum by A is π (M g)ᵀ.
    Beside held entries (NaN where free) the free ones share the rest so. Never lower than at the current rows.
    """
    from scipy.optimize import minimize

    shape, states = matrix.shape, matrix.shape[-1]
    counts, starts = np.broadcast_to(counts, shape), np.broadcast_to(starts, shape[:-1])
    free = np.ones(shape, dtype=bool) if held is None else np.isnan(held)
    kept = np.zeros(shape) if held is None else np.where(free, 0.0, held)
    rest = 1.0 - kept.sum(axis=-1, keepdims=True)
    scale = 1.0 / max(float(counts.sum() + starts.sum()), 1e-300)

    def shares_of(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.where(free, flat.reshape(shape), -np.inf)
        logits = logits - np.maximum(logits.max(axis=-1, keepdims=True), -1e300)
        weights = np.where(free, np.maximum(np.exp(logits), 1e-300), 0.0)
        total = np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300)
        return weights / total, logits - np.log(total)

    def falls(flat: np.ndarray) -> tuple[float, np.ndarray]:
        shares, logs = shares_of(flat)
        rows = kept + rest * shares
        law = stationary(rows)
        logs = np.where(free, log_probability(rest) + logs, log_probability(kept))
        value = float((counts * logs).sum() + (starts * log_probability(law)).sum())
        pull = np.linalg.solve(np.eye(states) - rows + 1.0, (starts / np.where(law > 0, law, np.inf))[..., None])
        slope = np.where(free, counts + rows * law[..., :, None] * pull[..., None, :, 0], 0.0)
        slope = slope - shares * slope.sum(axis=-1, keepdims=True)
        return -value * scale, -slope.ravel() * scale

    current, from_counts = (log_probability(np.where(free, rows, 0.0)) for rows in (matrix, counts + 1e-12))
    start = min((current, from_counts), key=lambda logits: falls(logits.ravel())[0])
    options = {"maxiter": 200, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(falls, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    if not found.fun <= falls(current.ravel())[0]:
        return matrix
    return kept + rest * shares_of(found.x)[0]
