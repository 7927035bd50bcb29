"""Every small model can be simulated: what is drawn has a finite density under it, and fits its own declaration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.data.binding import bind_data
from emdsl.model.statements import Role
from emdsl.results.axes import axis_sizes, sizes_of
from emdsl.results.simulate import simulate
from tests.oracles.interpreter import log_joint
from tests.zoo import EXAMPLES, Example


def parameter(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    match kind:
        case "positive":
            return rng.gamma(2, size=shape)
        case "unit":
            return rng.uniform(size=shape)
        case "simplex":
            return rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        case "cov":
            return np.broadcast_to(np.eye(shape[-1]), shape)
    return rng.normal(size=shape)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_simulated_data_have_a_density(example: Example) -> None:
    bound = em.parse(example.text, example.name)(**example.constants).bound_model
    model, rng = bound.checked.model, np.random.default_rng(0)
    wanted = {v.name for v in model.variables if v.role in (Role.GIVEN, Role.OBSERVED)}
    data = bind_data(bound, {name: value for name, value in example.draw().items() if name in wanted})
    arrays = {name: value for name, value in data.items() if name in wanted}
    sizes = {**bound.constants, **{k: v for k, v in data.items() if isinstance(v, int)}, **sizes_of(bound, arrays)}
    known = {v.name: data[v.name] for v in model.variables if v.role is Role.GIVEN}
    for variable in model.variables:
        if variable.role is Role.PARAM:
            shape = tuple(s if isinstance(s, int) else int(sizes[s]) for s in axis_sizes(bound, variable.name))
            known[variable.name] = parameter(bound.checked.types[variable.name].kind, shape, rng)
    drawn = simulate(bound, known, {name: int(size) for name, size in sizes.items()}, rng)
    for name in drawn.keys() & arrays.keys():
        assert drawn[name].shape == arrays[name].shape
    assert np.isfinite(log_joint(model, bound.constants, known | drawn))
    again = bind_data(bound, {name: value for name, value in (known | drawn).items() if name in wanted})
    assert again.keys() >= wanted
