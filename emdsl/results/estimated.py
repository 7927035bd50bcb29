"""A model at its estimates, as results read it: its emitted module with the parameters that it iterates over.

posterior = module.posterior(data, raw)        raw: posteriors or values        params: what is reported of them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role
from emdsl.results.series import merged, padded, plates_of
from emdsl.runtime import settling

Array = np.ndarray[Any, Any]
Statistics = dict[str, Array]


@dataclass(frozen=True)
class Estimated:
    """An emitted `module`, the parameters as it has them (`raw`), and the estimates by name (`params`)."""

    module: Any
    raw: Mapping[str, Any]
    params: Mapping[str, Any]

    @property
    def apart(self) -> bool:
        """Whether latents are independent under the posterior, as far as it knows."""
        return getattr(self.module, "RESUMED", None) is not None

    def posterior(
        self, bound: BoundModel, data: Mapping[str, Any], labels: Mapping[str, Array]
    ) -> dict[str, Statistics]:
        """Posteriors with an axis for each plate, some latents being known: arrays of that layout, NaN where not.

        Coordinate ascent goes on until nothing moves, from the memory in `data` or from the shares of states there.
        """
        latents = [variable for variable in bound.checked.model.variables if variable.role is Role.LATENT]
        if not latents:
            return {}
        known = {v.name: merged(labels[v.name], plates_of(bound, v), data) for v in latents if v.name in labels}
        found = settling.posterior(self.module, {**data, **known}, self.raw)
        return {
            v.name: {
                key: padded(np.asarray(value, dtype=float), plates_of(bound, v), data)
                for key, value in found[v.name].items()
            }
            for v in latents
            if v.name in found
        }
