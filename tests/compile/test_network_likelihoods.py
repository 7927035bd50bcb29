"""Every network of the zoo against brute force: likelihood, posterior, and an objective that never falls."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.compile import compile_model
from tests.oracles import charts
from tests.oracles.checks import Brute, check_posterior
from tests.oracles.marginal import Exact, log_likelihood
from tests.oracles.networks import instance
from tests.zoo_networks import BY_NAME, NETWORKS

COMPILED = [example.name for example in NETWORKS]
STEPS = 8
#: Without latents but for the choices that the compiler adds.
GENERALISED = (
    "linkage", "linkage_rows", "abo", "poisson_sum", "tomography", "noisy_or_written_out", "heterozygous",
)  # fmt: skip


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
    expected = Brute.at(case.model, case.constants, case.data, params).log_likelihood
    assert np.isfinite(expected)
    if not example.exact:
        assert found <= expected + 1e-9 * abs(expected), "a bound above the likelihood"
        return
    assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    check_posterior(module, case.model, case.constants, case.data, params, 1e-7)


@pytest.mark.parametrize("method", ["em", "hard", "vb"])
@pytest.mark.parametrize("name", COMPILED)
def test_the_objective_never_falls(name: str, method: str) -> None:
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    module = compile_model(case.bound, method).module
    trace = np.array(steps(module, case.data, module.initialise(case.data, np.random.default_rng(0))))
    assert np.isfinite(trace).all()
    assert (np.diff(trace) >= -1e-8 * (1 + np.abs(trace[:-1]))).all(), trace


#: Sums of products beside latents of the user: the choices that the compiler adds are no latents of theirs.
SUMS = "param b : positive  param s : positive  given x[n] : positive  observed y[n] ~ Poisson(b + s * x[n])"
SUMMED = {
    "mixture": (
        f"""model M(K = 2)  plate n in N, k in K  {SUMS}  param p : simplex[K]  param m[k] : real
        latent z[n] ~ Categorical(p)  observed w[n] ~ Normal(m[z[n]], var=1)""",
        {},
    ),
    "chain": (
        f"""model M(K = 2)  time n in N  plate k in K  {SUMS}  param p : simplex[K]  param A[k] : simplex[K]
        param m[k] : real  latent z[0] ~ Categorical(p)  latent z[n] ~ Categorical(A[z[n-1]])
        observed w[n] ~ Normal(m[z[n]], var=1)""",
        {},
    ),
    "alleles": (
        """model M(K = 2)  plate n in N, k in K  given x[n] : positive  param r : simplex[2]  param m[k] : real
        param q : simplex[K]  latent z[n] ~ Categorical(q)  observed w[n] ~ Normal(m[z[n]], var=1)
        observed y[n] ~ Categorical([r[0] * r[0] + 2 * r[0] * r[1], r[1] * r[1]])""",
        {"y": np.array([1, 1, 0, 1, 0, 1])},
    ),
}


@pytest.mark.parametrize("name", GENERALISED)
def test_hard_em_sums_out_the_choices_that_the_compiler_adds(name: str) -> None:
    """With no other latents the objective is the likelihood, and a fit ends at its maximum."""
    example = BY_NAME[name]
    case = instance(example.text, example.constants, example.draw())
    hard, soft = (compile_model(case.bound, method).module for method in ("hard", "em"))
    params = hard.initialise(case.data, np.random.default_rng(5))
    found = hard.e_step(case.data, params)[1]
    own = {name: value for name, value in params.items() if not name.startswith("given.")}
    assert_allclose(found, log_likelihood(case.model, case.constants, case.data, own), rtol=1e-9)
    expected = soft.fit(case.data, params)[0]
    for key, value in hard.fit(case.data, params)[0].items():
        assert_allclose(value, expected[key], rtol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", SUMMED)
def test_hard_em_maximises_over_declared_latents_only(name: str) -> None:
    """The largest over all their states of the log joint, in which the choices are summed out."""
    rng, (text, changed) = np.random.default_rng(4), SUMMED[name]
    data = {"x": rng.uniform(0.5, 2.0, 6), "y": rng.poisson(4.0, 6), "w": rng.normal(size=6) + 3 * np.array([0, 1] * 3)}
    case = instance(text, {}, {**data, **changed})
    module = compile_model(case.bound, "hard").module
    for seed in range(3):
        params = charts.random_params(case.model, case.constants, case.data, np.random.default_rng(seed))
        best = Exact(case.model, case.constants, case.data, params).best_log_joint
        assert_allclose(module.e_step(case.data, params)[1], best, rtol=1e-9)
