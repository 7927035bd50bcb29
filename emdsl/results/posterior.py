"""What is known of a latent after the data: probabilities of its states, or its mean and (co)variance.

Arrays have the plates of the variable first: probabilities (n, k), mean (n, l), cov (n, l, l), var (n, l). Over ragged
plates there are lists of arrays instead, nested as the data are: probabilities[s] is (t, k).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.errors import DataError

Array = np.ndarray[Any, Any]


class MissingStatistic(DataError, AttributeError):
    """A statistic that a posterior does not have; `hasattr` sees it as absent."""


def flat(array: Array) -> Any:
    """Arrays as they are: no plate is ragged."""
    return array


@dataclass(frozen=True)
class Posterior:
    """The expected statistics of one variable.

    `numpy.asarray` gives its probabilities, or else its mean, with the groups of ragged plates one after the other;
    indexing reads the same, group by group. `nest` brings an array of that layout into that of the user's data, and
    `nest_states` one with the states last, of which groups may have different numbers.
    """

    name: str
    statistics: Mapping[str, Array]
    nest: Callable[[Array], Any] = flat
    nest_states: Callable[[Array], Any] = flat

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self._get("probabilities") if self.discrete else self._mean
        return np.array(array, dtype=dtype) if copy else np.asarray(array, dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that it converts to."""
        return np.shape(np.asarray(self))

    def __len__(self) -> int:
        return len(self._nested)

    def __getitem__(self, position: Any) -> Any:
        return self._nested[position]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._nested)

    @property
    def _nested(self) -> Any:
        return (self.nest_states if self.discrete else self.nest)(np.asarray(self))

    @property
    def discrete(self) -> bool:
        """Whether the variable has finitely many states."""
        return "probabilities" in self.statistics

    @property
    def probabilities(self) -> Any:
        """The probability of each state, category last."""
        return self.nest_states(self._get("probabilities"))

    @property
    def mean(self) -> Any:
        """The mean; of a discrete variable, that of its number."""
        return self.nest(self._mean)

    @property
    def var(self) -> Any:
        """The variance, entry by entry."""
        return self.nest(self._var)

    @property
    def cov(self) -> Any:
        """The covariance matrix of each vector."""
        return self.nest(self._get("cov"))

    @property
    def mode(self) -> Any:
        """The most probable state or value, entry by entry."""
        return self.nest(self.most_probable)

    @property
    def most_probable(self) -> Array:
        """The mode, with the groups of ragged plates one after the other."""
        if self.discrete:
            return np.asarray(np.argmax(self.statistics["probabilities"], axis=-1))
        return self.statistics.get("mode", self._mean)

    @property
    def _mean(self) -> Array:
        if self.discrete and "mean" not in self.statistics:
            probabilities = self.statistics["probabilities"]
            return np.asarray(probabilities @ np.arange(probabilities.shape[-1]))
        return self._get("mean")

    @property
    def _var(self) -> Array:
        if "var" in self.statistics:
            return self.statistics["var"]
        if self.discrete:
            probabilities = self.statistics["probabilities"]
            return np.asarray(probabilities @ np.arange(probabilities.shape[-1]) ** 2 - self._mean**2)
        if "cov" not in self.statistics:
            return self._get("var")
        return np.asarray(np.diagonal(self.statistics["cov"], axis1=-2, axis2=-1))

    def __repr__(self) -> str:
        described = ", ".join(f"{key} {np.shape(value)}" for key, value in self.statistics.items())
        return f"<posterior of {self.name}: {described}>"

    def _get(self, key: str) -> Array:
        if key not in self.statistics:
            raise MissingStatistic(f"the posterior of `{self.name}` has no {key}; it has {', '.join(self.statistics)}")
        return self.statistics[key]
