"""Starting values by name, sorted into parameters and latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.data.sources import to_array
from emdsl.data.support import ROUNDING, check_support
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role
from emdsl.runtime.starts import LatentStart


def split_init(bound: BoundModel, init: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, LatentStart]]:
    """(parameters, latents). A discrete latent takes probabilities (category last) or states, a real one values.

    Raises DataError for probabilities that do not sum to one and for values that are not finite.
    """
    params: dict[str, Any] = {}
    latents: dict[str, LatentStart] = {}
    for name, value in init.items():
        variable = bound.checked.model.variable(name)
        array = to_array(name, value)
        if variable is None or variable.role is not Role.LATENT:
            if variable is not None and np.isfinite(array).all():
                check_support(f"init of {name}", array, bound.checked.types[name], frozenset())
            params[name] = array
            continue
        if not np.isfinite(array).all():
            raise DataError(f"init of `{name}` is not finite")
        kind = bound.checked.types[name].kind
        discrete = kind == "index" and array.ndim == len(variable.plates) + 1
        if discrete and (np.any(array < 0) or np.any(np.abs(array.sum(axis=-1) - 1) > ROUNDING)):
            raise DataError(f"init of `{name}` has rows that are no probabilities: each must sum to 1")
        plate = variable.plates[0] if len(variable.plates) == 1 else None
        latents[name] = LatentStart(array, discrete, plate)
    return params, latents
