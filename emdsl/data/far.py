"""Covariates far from zero: those whose mean is many times their spread, of which a regression loses digits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from emdsl.data.sources import place
from emdsl.model.bound import BoundModel

#: The squares of such a covariate agree in eleven digits of sixteen.
FAR = 3e5

#: A spread that rounding alone gives to equal numbers.
ROUNDING = 1e-14


def warn_of_far(bound: BoundModel, names: Iterable[str], data: Mapping[str, Any]) -> None:
    """Warns of each of the variables `names` of which a column lies further than FAR of its spreads from zero."""
    for name in sorted(names):
        event = len(bound.checked.types[name].event_shape)
        columns = data[name].reshape(-1, *data[name].shape[data[name].ndim - event :])
        seen = np.isfinite(columns)
        count = np.maximum(seen.sum(axis=0), 1)
        mean = np.sum(columns, axis=0, where=seen) / count
        spread = np.sqrt(np.sum((columns - mean) ** 2, axis=0, where=seen) / count)
        far = (np.abs(mean) > FAR * spread) & (spread > ROUNDING * np.abs(mean))
        if np.any(far):
            first = tuple(int(i) for i in np.argwhere(far)[0])
            column = f"{name}[..., {place('', first)[1:-1]}]" if first else name
            warnings.warn(
                f"`{column}` lies around {mean[first]:.6g} with a spread of {spread[first]:.3g}: its coefficient loses "
                "digits, or all; subtract its mean",
                stacklevel=3,
            )
