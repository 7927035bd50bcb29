"""Estimates and parameters of q: from_estimates(estimates(q), q) = q, and estimates(from_estimates(e, q)) = e."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from tests.laws.kernel_cases import step
from tests.laws.test_kernel_joint import JOINTS, Joint
from tests.oracles.checks import prepare
from tests.zoo import EXAMPLES, Example

BAYESIAN = tuple(example for example in EXAMPLES if example.bayesian)
EVERY = pytest.mark.parametrize("model", [*BAYESIAN, *JOINTS], ids=lambda model: model.name)


def _started(model: Example | Joint, method: str) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """The module, parameters after two steps, and the kinds of the parameters."""
    rng = np.random.default_rng(0)
    declared = parse(model.text)()
    program = declared.program(method)
    data = prepare(declared.bound_model.checked.model, {}, model.data(rng))
    params = program.module.initialise(data, rng)
    for _ in range(2):
        params = program.module.m_step(program.module.e_step(data, params)[0], params)
    kinds = {name: program.derived.setting.scope.symbols[name].kind for name in program.derived.setting.parameters}
    return program.module, params, kinds


@EVERY
@pytest.mark.parametrize("method", ["em", "vb"])
def test_parameters_come_back(model: Example | Joint, method: str) -> None:
    module, params, _ = _started(model, method)
    back = module.from_estimates(module.estimates(params), params)
    assert back.keys() == params.keys()
    for name, value in params.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-12, atol=1e-13, err_msg=name)


@EVERY
@pytest.mark.parametrize("method", ["em", "vb"])
def test_estimates_come_back(model: Example | Joint, method: str) -> None:
    """After moving each of them inside its support."""
    module, params, kinds = _started(model, method)
    rng = np.random.default_rng(1)
    wanted = {name: step(kinds[name], value, rng, 0.1) for name, value in module.estimates(params).items()}
    found = module.estimates(module.from_estimates(wanted, params))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-12, err_msg=name)


@EVERY
def test_moving_the_means_keeps_the_spread(model: Example | Joint) -> None:
    """The parameters of q that say how sure it is are those of before."""
    module, params, kinds = _started(model, "vb")
    rng = np.random.default_rng(2)
    wanted = {name: step(kinds[name], value, rng, 0.1) for name, value in module.estimates(params).items()}
    moved = module.from_estimates(wanted, params)
    for name, value in params.items():
        if name.endswith((".precision", ".df", ".shape")):
            np.testing.assert_array_equal(moved[name], value, err_msg=name)
        if name.endswith(".concentration"):
            np.testing.assert_allclose(moved[name].sum(axis=-1), value.sum(axis=-1), err_msg=name)
