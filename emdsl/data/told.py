"""Observed variables of which nothing is seen, and parameters that nothing else tells of: no fit to such data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from emdsl.data.ragged import merged_letters
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.holes import readers
from emdsl.model.statements import Model, Role, Variable


def check_told(bound: BoundModel, data: Mapping[str, Any], held: Collection[str]) -> None:
    """Refuses columns without a value, and variables without one whose parameters nothing else tells of.

    `held`: parameters that stay as they are.
    """
    model = bound.checked.model
    missing = [v for v in model.variables if v.missing and v.name in data and np.isnan(data[v.name]).any()]
    for variable in missing:
        _check_columns(bound, variable, data[variable.name])
    unseen = [variable.name for variable in missing if np.isnan(data[variable.name]).all()]
    silent = _silent(unseen, model, data)
    fixed = {fix.name for fix in model.fixes if not fix.indices}
    for variable in model.variables if unseen else ():
        if variable.role is not Role.PARAM or variable.definitions or variable.name in {*held, *fixed}:
            continue
        if (heard := _heard_by(variable.name, model)) and heard <= silent:
            name = next((one for one in unseen if one in heard), unseen[0])
            raise DataError(
                f"`{name}` has no value at all, and nothing else tells of `{variable.name}`; "
                f"leave `{name}` out of the model, or give `{variable.name}` a prior"
            )


def _silent(unseen: Collection[str], model: Model, data: Mapping[str, Any]) -> frozenset[str]:
    """The variables that tell nothing: of which nothing is seen, or latents that only such ones hear."""
    silent = frozenset(unseen)
    latents = [v.name for v in model.variables if v.role is Role.LATENT and v.name not in data]
    while more := [one for one in latents if one not in silent and _heard_by(one, model) <= {*silent, one}]:
        silent |= {*more}
    return silent


def _check_columns(bound: BoundModel, variable: Variable, array: np.ndarray[Any, Any]) -> None:
    """Over time there are no columns: a step at which nothing is seen is inferred from its neighbours."""
    plates = [plate for letter in variable.plates if (plate := bound.checked.model.plate(letter)) is not None]
    count = len(merged_letters(plates)) if any(plate.ordered for plate in plates) else 1
    rows = tuple(range(count))
    if array.ndim > count and np.isnan(array).all(axis=rows).any():
        place = ", ".join(str(int(index)) for index in np.argwhere(np.isnan(array).all(axis=rows))[0])
        raise DataError(f"`{variable.name}` has no value at all at [{':, ' * count}{place}]; leave that column out")


def _heard_by(name: str, model: Model) -> frozenset[str]:
    """The variables whose laws mention a variable, what `let` variables stand for being spelled out."""
    found: set[str] = set()
    for reader in readers(name, model):
        variable = model.variable(reader)
        let = variable is not None and variable.role is Role.LET
        found |= _heard_by(reader, model) if let else {reader}
    return frozenset(found)
