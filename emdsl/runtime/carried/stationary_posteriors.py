"""Dirichlet laws of transition probabilities that enter by their stationary law, too.

    π(A)_k = w_k(A) / Σ_j w_j(A),    w_k(A) = Σ over trees into k of Π of their entries A_ij             [Leighton1986]
    E log π_k ≥ log w_k(exp E log A) − log Σ_j w_j(E A)

Both by Jensen's inequality: over the trees, as log Σ exp is convex, and over A, as log is concave; a tree has one entry
of each row but that of its root, and rows are independent.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, logsumexp, polygamma

from emdsl.runtime.carried.posteriors import expected_log
from emdsl.runtime.carried.probabilities import log_probability, softmax_last
from emdsl.runtime.carried.transitions import states_taken_out


def expected_log_stationary(concentration: np.ndarray) -> np.ndarray:
    """The bound (…, state) on E log π(A), rows A_i ~ Dirichlet(concentration_i) of concentration (…, state, state)."""
    return log_trees(expected_log(concentration)) - logsumexp(log_trees(log_mean(concentration)), -1, keepdims=True)


def log_mean(concentration: np.ndarray) -> np.ndarray:
    """log E A, the categories last."""
    return np.log(concentration) - np.log(concentration.sum(axis=-1, keepdims=True))


def log_trees(logs: np.ndarray) -> np.ndarray:
    """log w_k (…, state) of weights exp(logs) (…, state, state), the diagonal not read."""
    scaled, heights = off_diagonal(logs)
    law, log_total = states_taken_out(scaled)
    return log_probability(law) + (log_total + heights.sum(axis=-1))[..., None] - heights


def off_diagonal(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (…, state, state) of steps that leave each state, in units of their sum, and its logarithm (…, state)."""
    logs = np.where(np.eye(logs.shape[-1], dtype=bool), -np.inf, logs)
    heights = logsumexp(logs, axis=-1) if logs.shape[-1] > 1 else np.zeros(logs.shape[:-1])
    return np.maximum(np.exp(logs - heights[..., None]), 1e-300), heights


def tree_edges(logs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How often i → j (…, state, state) is in trees drawn with weights exp(logs), weights_k (…, state) into each k.

    The derivatives of Σ weights log w by logs. With P the steps off the diagonal, M = (I − P + 1 1ᵀ)⁻¹, n the sum of
    weights and g = weights / π: P_ij (n (M_ii − M_ji) + π_i ((M g)_j − (M g)_i)).
    """
    steps, _ = off_diagonal(logs)
    law, _ = states_taken_out(steps)
    inverse = np.linalg.inv(np.eye(steps.shape[-1]) - steps + 1.0)
    pull = (inverse @ (weights / np.maximum(law, 1e-300))[..., None])[..., 0]
    own = np.diagonal(inverse, axis1=-2, axis2=-1)
    turns = law[..., None] * (pull[..., None, :] - pull[..., :, None])
    total = weights.sum(axis=-1)[..., None, None]
    return steps * (total * (own[..., :, None] - np.swapaxes(inverse, -1, -2)) + turns)


def ascended_concentration(concentration: np.ndarray, counts: np.ndarray | float, starts: np.ndarray) -> np.ndarray:
    """Concentrations a (…, state, state) that raise E[Σ counts log A] + Σ starts bound on E log π(A) + entropy of q(A).

    By L-BFGS in log a from the current ones, or from those without starts. Never lower than at the current ones.
    """
    from scipy.optimize import minimize

    shape = concentration.shape
    counts, starts = np.broadcast_to(counts, shape), np.broadcast_to(starts, shape[:-1])
    free = np.maximum(counts + 1.0, 1e-12)
    total = starts.sum(axis=-1, keepdims=True)
    scale = 1.0 / float(free.sum() + total.sum())

    def falls(flat: np.ndarray) -> tuple[float, np.ndarray]:
        a = np.exp(flat.reshape(shape))
        sums = a.sum(axis=-1, keepdims=True)
        logs, means = expected_log(a), log_mean(a)
        below = log_trees(means)
        value = float(((free - a) * logs + gammaln(a)).sum() - gammaln(sums).sum())
        value += float((starts * log_trees(logs)).sum() - (total * logsumexp(below, -1, keepdims=True)).sum())
        ahead = free - a + tree_edges(logs, starts)
        slope = polygamma(1, a) * ahead - polygamma(1, sums) * ahead.sum(axis=-1, keepdims=True)
        back = tree_edges(means, total * softmax_last(below))
        slope = a * slope - back + a / sums * back.sum(axis=-1, keepdims=True)
        return -value * scale, -slope.ravel() * scale

    current = np.log(concentration)
    start = min((current, np.log(free)), key=lambda logs: falls(logs.ravel())[0])
    options = {"maxiter": 200, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(falls, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.exp(found.x.reshape(shape)) if found.fun <= falls(current.ravel())[0] else concentration
