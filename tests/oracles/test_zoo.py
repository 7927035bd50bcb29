"""The zoo is valid, and over all of it the oracles satisfy Fisher's identity.

    d/dθ' E[log p(x, z | θ')] at θ' = θ, expectation under p(z | x, θ)   =   d/dθ log p(x | θ)

The left side uses the posterior's pieces, the right side only sums and integrals: neither can be wrong alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from emdsl.language.text import parse
from emdsl.model.check import bind, check
from tests.oracles import charts, checks
from tests.oracles.marginal import Exact, log_likelihood
from tests.zoo import EXAMPLES, Example


def test_names_are_unique() -> None:
    assert len({example.name for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_fishers_identity(example: Example) -> None:
    bound = bind(check(parse(example.text)), **example.constants)
    model, rng = checks.typed(bound.checked), np.random.default_rng(5)
    data = checks.prepare(model, bound.constants, example.draw())
    params = charts.random_params(model, bound.constants, data, rng)
    kinds = charts.kinds(model)
    direction = {name: checks.random_direction(value, kinds[name], rng) for name, value in params.items()}

    def at(step: float) -> dict[str, np.ndarray[Any, Any]]:
        return {
            k: charts.move(v, step * direction[k], kinds[k], charts.held(model, k, v.shape)) for k, v in params.items()
        }

    score = charts.slope(lambda step: log_likelihood(model, bound.constants, data, at(step)))
    for keep_leaves in (False, True):
        exact = Exact(model, bound.constants, data, params, keep_leaves=keep_leaves)
        assert exact.log_likelihood == pytest.approx(log_likelihood(model, bound.constants, data, params), rel=1e-10)
        slope = charts.slope(partial(lambda exact, step: exact.expected_log_joint(at(step)), exact))
        assert slope == pytest.approx(score, rel=1e-7, abs=1e-7)
