"""Random networks of latents against brute force: likelihood, posterior, steps that never fall, the text's round trip.

`make fuzz` runs the heavier checks of test_networks.py on the first seeds, and these on many more.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.api import parse
from emdsl.compile import compile_model
from emdsl.errors import DataError
from tests.compile.random_networks import pasted, random_network
from tests.oracles import charts
from tests.oracles.marginal import Exact
from tests.oracles.networks import Instance, instance

SEEDS, MORE_SEEDS = range(100), range(100, 3000)


def check(seed: int) -> None:
    text, data, exact = random_network(seed)
    try:
        assert parse(parse(text).text).text == parse(text).text
        case = instance(text, {}, data)
        for method in ("em", "hard", "vb"):
            module = compile_model(case.bound, method).module
            refused = getattr(module, "REFUSED_WEIGHTS", {})
            weighted = {name[8:] for name in case.data if name.startswith("weights.")}
            if any(set(letters) <= weighted for letters in refused):
                with pytest.raises((ValueError, DataError)):
                    module.e_step(case.data, module.initialise(case.data, np.random.default_rng(seed)))
                return
            if method == "em":
                check_likelihood(case, module, exact)
            check_steps(case, module)
    except BaseException as error:
        error.add_note(pasted(text, data))
        raise


def check_likelihood(case: Instance, module: object, exact: bool) -> None:
    """At random parameters the log likelihood, or a bound below it, and the marginal posteriors."""
    params = charts.random_params(case.model, case.constants, case.data, np.random.default_rng(5))
    found = module.e_step(case.data, params)[1]  # type: ignore[attr-defined]
    brute = Exact(case.model, case.constants, case.data, params)
    expected = brute.log_likelihood
    if not exact:
        assert found <= expected + 1e-9 * abs(expected), "a bound above the likelihood"
        return
    assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    posterior = module.posterior(case.data, params)  # type: ignore[attr-defined]
    for latent, entries in brute.posterior().items():
        for key in set(entries) & set(posterior[latent]):
            value = np.concatenate(entries[key]) if isinstance(entries[key], list) else entries[key]
            assert_allclose(posterior[latent][key], value, rtol=1e-7, atol=1e-7, err_msg=f"{key} of {latent}")


def check_steps(case: Instance, module: object) -> None:
    """The objective along EM steps, coordinate ascent going on from where it stood."""
    params = module.initialise(case.data, np.random.default_rng(0))  # type: ignore[attr-defined]
    resumed = {module.RESUMED: {}} if hasattr(module, "RESUMED") else {}
    prepared, trace = {**module.prepare(case.data, params), **resumed}, []  # type: ignore[attr-defined]
    for _ in range(5):
        statistics, value = module.e_step(prepared, params)  # type: ignore[attr-defined]
        trace.append(float(module.objective(value, params)))  # type: ignore[attr-defined]
        params = module.m_step(statistics, params)  # type: ignore[attr-defined]
    assert np.isfinite(trace).all()
    assert (np.diff(trace) >= -1e-8 * (1 + np.abs(trace[:-1]))).all(), trace


@pytest.mark.parametrize("seed", SEEDS)
def test_random_network(seed: int) -> None:
    check(seed)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_networks(seed: int) -> None:
    check(seed)
