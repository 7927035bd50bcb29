"""Data and starts that the Gaussian mixtures share."""

from __future__ import annotations

import numpy as np


def clusters(n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) around k centres, and a start (k, d) near the centres."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(k, d))
    scales = rng.uniform(0.5, 1.5, size=(k, d))
    kind = rng.integers(k, size=n)
    return centres[kind] + scales[kind] * rng.normal(size=(n, d)), centres + 0.3 * rng.normal(size=(k, d))
