"""Every network of the zoo against brute force: likelihood, posterior, and an objective that never falls."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.compile import compile_model
from tests.oracles import charts
from tests.oracles.marginal import Exact, log_likelihood
from tests.oracles.networks import instance
from tests.zoo_networks import BY_NAME, NETWORKS

#: What the compiler refuses; see test_networks.py.
REFUSED = ("alignment",)
COMPILED = [example.name for example in NETWORKS if example.name not in REFUSED]
STEPS = 8


def steps(module: object, data: dict[str, object], params: dict[str, object]) -> list[float]:
    """The objective along EM steps, coordinate ascent going on from where it stood."""
    resumed = {module.RESUMED: {}} if hasattr(module, "RESUMED") else {}
    prepared, trace = {**module.prepare(data, params), **resumed}, []  # type: ignore[attr-defined]
    for _ in range(STEPS):
        statistics, value = module.e_step(prepared, params)  # type: ignore[attr-defined]
        trace.append(float(module.objective(value, params)))  # type: ignore[attr-defined]
        params = module.m_step(statistics, params)  # type: ignore[attr-defined]
    return trace


@pytest.mark.parametrize("name", COMPILED)
def test_likelihood_and_posterior(name: str) -> None:
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    module = compile_model(case.bound, "em").module
    params = charts.random_params(case.model, case.constants, case.data, np.random.default_rng(5))
    found = module.e_step(case.data, params)[1]
    expected = log_likelihood(case.model, case.constants, case.data, params)
    if not example.exact:
        assert found <= expected + 1e-9 * abs(expected), "a bound above the likelihood"
        return
    assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    posterior = module.posterior(case.data, params)
    for latent, entries in Exact(case.model, case.constants, case.data, params).posterior().items():
        common = set(entries) & set(posterior[latent])
        assert common, f"nothing is known of {latent}"
        for key in common:
            value = np.concatenate(entries[key]) if isinstance(entries[key], list) else entries[key]
            assert_allclose(posterior[latent][key], value, rtol=1e-7, atol=1e-7, err_msg=f"{key} of {latent}")


@pytest.mark.parametrize("method", ["em", "hard", "vb"])
@pytest.mark.parametrize("name", COMPILED)
def test_the_objective_never_falls(name: str, method: str) -> None:
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    module = compile_model(case.bound, method).module
    trace = np.array(steps(module, case.data, module.initialise(case.data, np.random.default_rng(0))))
    assert np.isfinite(trace).all()
    assert (np.diff(trace) >= -1e-8 * (1 + np.abs(trace[:-1]))).all(), trace
