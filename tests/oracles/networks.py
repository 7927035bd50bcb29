"""A model with its data, as the emitted module and the oracles take them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.compile import compile_model
from emdsl.data.binding import bind_data
from emdsl.language.text import parse
from emdsl.model.bound import BoundModel
from emdsl.model.check import bind, check
from emdsl.model.statements import Model
from tests.oracles import checks


@dataclass(frozen=True)
class Instance:
    """A bound model, the same with every type written out, and data in the layout of the emitted module."""

    bound: BoundModel
    model: Model
    constants: Mapping[str, Any]
    data: Mapping[str, Any]


def instance(text: str, constants: Mapping[str, Any], data: Mapping[str, Any]) -> Instance:
    """The instance of a text and a user's data: nested lists for ragged plates, "weights.n" beside them."""
    bound = bind(check(parse(text)), **constants)
    weights = {name[8:]: value for name, value in data.items() if name.startswith("weights.")}
    arrays = {name: value for name, value in data.items() if not name.startswith("weights.")}
    return Instance(bound, checks.typed(bound.checked), bound.constants, bind_data(bound, arrays, weights or None))


def check_network(
    text: str,
    constants: Mapping[str, Any],
    data: Mapping[str, Any],
    method: str = "em",
    exact: bool = True,
    closed_form: bool = True,
    seed: int = 0,
    fit: bool = True,
) -> None:
    """Compile a network and put it through every check of its method against brute force.

    `exact` False: the posterior is approximated, so that the objective is a bound. `closed_form` False: the M-step
    may be a generalised one.
    """
    case, rng = instance(text, constants, data), np.random.default_rng(seed)
    module = compile_model(case.bound, method).module
    weighted = {name[8:] for name in case.data if name.startswith("weights.")}
    assert weighted <= set(module.WEIGHTED), f"weights on {sorted(weighted)}, which the module does not take"
    start = module.initialise(case.data, rng)
    place = (module, case.model, case.constants, case.data)
    if not exact:
        checks.check_field(*place, start)
    elif method == "em":
        checks.check_em(*place, rng, closed_form, fit)
    elif method == "hard":
        checks.check_hard(*place, start)
    else:
        checks.check_bound(*place, start, rng)
