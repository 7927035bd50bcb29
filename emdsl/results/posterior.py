"""What is known of a latent after the data: probabilities of its states, or its mean and (co)variance.

Arrays have the plates of the variable first: probabilities (n, k), mean (n, l), cov (n, l, l), var (n, l).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.errors import DataError

Array = np.ndarray[Any, Any]


class MissingStatistic(DataError, AttributeError):
    """A statistic that a posterior does not have; `hasattr` sees it as absent."""


@dataclass(frozen=True)
class Posterior:
    """The expected statistics of one variable; converts to an array: its probabilities, or else its mean."""

    name: str
    statistics: Mapping[str, Array]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.statistics["probabilities"] if self.discrete else self.mean
        return np.array(array, dtype=dtype) if copy else np.asarray(array, dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that it converts to."""
        return np.shape(np.asarray(self))

    @property
    def discrete(self) -> bool:
        """Whether the variable has finitely many states."""
        return "probabilities" in self.statistics

    @property
    def probabilities(self) -> Array:
        """The probability of each state, category last."""
        return self._get("probabilities")

    @property
    def mean(self) -> Array:
        """The mean; of a discrete variable, that of its number."""
        if self.discrete and "mean" not in self.statistics:
            return np.asarray(self.probabilities @ np.arange(self.probabilities.shape[-1]))
        return self._get("mean")

    @property
    def var(self) -> Array:
        """The variance, entry by entry."""
        if "var" in self.statistics:
            return self.statistics["var"]
        if self.discrete:
            return np.asarray(self.probabilities @ np.arange(self.probabilities.shape[-1]) ** 2 - self.mean**2)
        if "cov" not in self.statistics:
            return self._get("var")
        return np.asarray(np.diagonal(self.cov, axis1=-2, axis2=-1))

    @property
    def cov(self) -> Array:
        """The covariance matrix of each vector."""
        return self._get("cov")

    @property
    def mode(self) -> Array:
        """The most probable state or value."""
        if self.discrete:
            return np.asarray(np.argmax(self.probabilities, axis=-1))
        return self.statistics.get("mode", self.mean)

    def __repr__(self) -> str:
        described = ", ".join(f"{key} {np.shape(value)}" for key, value in self.statistics.items())
        return f"<posterior of {self.name}: {described}>"

    def _get(self, key: str) -> Array:
        if key not in self.statistics:
            raise MissingStatistic(f"the posterior of `{self.name}` has no {key}; it has {', '.join(self.statistics)}")
        return self.statistics[key]
