"""Stationary laws of transition matrices, and rows of such matrices that these enter."""

from __future__ import annotations

import numpy as np


def stationary(matrix: np.ndarray) -> np.ndarray:
    """π (…, state) with π A = π and Σ π = 1, for A (…, state, state): 1ᵀ (I − A + 1 1ᵀ)⁻¹."""
    states = matrix.shape[-1]
    system = np.swapaxes(np.eye(states) - matrix + 1.0, -1, -2)
    return np.linalg.solve(system, np.ones((*matrix.shape[:-1], 1)))[..., 0]


def ascended_transitions(matrix: np.ndarray, counts: np.ndarray | float, starts: np.ndarray) -> np.ndarray:
    """Rows A (…, state, state) that raise Σ counts log A + Σ starts log π(A), by L-BFGS from the current ones.

    A = softmax(θ); with M = (I − A + 1 1ᵀ)⁻¹ and g = starts / π the derivative of the second sum by A is π (M g)ᵀ.
    Never lower than at the current rows.
    """
    from scipy.optimize import minimize

    shape, states = matrix.shape, matrix.shape[-1]
    counts, starts = np.broadcast_to(counts, shape), np.broadcast_to(starts, shape[:-1])
    scale = 1.0 / max(float(counts.sum() + starts.sum()), 1e-300)

    def falls(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logits = flat.reshape(shape)
        logits = logits - logits.max(axis=-1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        rows = np.exp(logs)
        law = np.maximum(stationary(rows), 1e-300)
        value = float((counts * logs).sum() + (starts * np.log(law)).sum())
        pull = np.linalg.solve(np.eye(states) - rows + 1.0, (starts / law)[..., None])[..., 0]
        slope = counts + rows * law[..., :, None] * pull[..., None, :]
        slope = slope - rows * slope.sum(axis=-1, keepdims=True)
        return -value * scale, -slope.ravel() * scale

    totals = np.maximum(counts + 1e-12, 0.0)
    current = np.log(np.maximum(matrix, 1e-300))
    from_counts = np.log(np.maximum(totals / totals.sum(axis=-1, keepdims=True), 1e-300))
    start = min((current, from_counts), key=lambda logs: falls(logs.ravel())[0])
    options = {"maxiter": 200, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(falls, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    if not found.fun <= falls(current.ravel())[0]:
        return matrix
    rows = np.exp(found.x.reshape(shape) - found.x.reshape(shape).max(axis=-1, keepdims=True))
    return rows / rows.sum(axis=-1, keepdims=True)
