"""The plain loop of E- and M-steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def iterate(
    data: dict[str, Any],
    params: dict[str, Any],
    max_iter: int,
    tol: float,
    e_step: Callable[..., Any],
    m_step: Callable[..., Any],
    objective: Callable[..., float],
) -> tuple[dict[str, Any], list[float]]:
    """E-steps and M-steps until what is still ahead is small: (params, history).

    Steps that shrink by a factor r leave r/(1 − r) of the last one to come, and the objective r²/(1 − r²) [Aitken1926].
    """
    statistics, log_likelihood = e_step(data, params)
    current, history = objective(log_likelihood, params), []
    last = np.inf
    for _ in range(max_iter):
        previous, params = params, m_step(statistics, params)
        statistics, log_likelihood = e_step(data, params)
        before, current = current, objective(log_likelihood, params)
        history.append(current)
        steps = [float(np.max(np.abs(params[p] - previous[p]) / (1 + np.abs(params[p])))) for p in params]
        moved = max(steps, default=0.0)
        rate, last = min(moved / last, 1 - 1e-9) if moved > 1e-15 else 0.0, max(moved, 1e-300)
        step = abs(current - before) * max(1.0, rate**2 / (1 - rate**2))
        if tol > 0 and step <= tol * (1 + abs(current)) and moved * max(1.0, rate / (1 - rate)) <= np.sqrt(tol):
            break
    return params, history
