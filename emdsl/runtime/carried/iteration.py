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
    """E-steps and M-steps until the objective and the parameters have settled: (params, history)."""
    statistics, log_likelihood = e_step(data, params)
    current, history = objective(log_likelihood, params), []
    for _ in range(max_iter):
        previous, params = params, m_step(statistics, params)
        statistics, log_likelihood = e_step(data, params)
        before, current = current, objective(log_likelihood, params)
        history.append(current)
        moved = max(float(np.max(np.abs(params[p] - previous[p]) / (1 + np.abs(params[p])))) for p in params)
        if tol > 0 and abs(current - before) <= tol * (1 + abs(current)) and moved <= np.sqrt(tol):
            break
    return params, history
