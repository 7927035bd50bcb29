"""What refusals advise compiles, and says what was meant: against sums over the choices, dense normals, quadrature."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

import emdsl as em
from emdsl.errors import ModelError

RNG = np.random.default_rng(5)
VALUES = np.linspace(-2, 2, 9)
X = 2 * RNG.normal(size=7)
WALK = np.cumsum(RNG.normal(size=7))
RISE = special.expit(1.1 * X)
Y = 2 * RISE + 0.3 * RNG.normal(size=7)
CHOICE = "plate i in I  given values[i] : real  latent choice ~ Categorical(ones(I) / I)"

Density = Callable[[dict[str, np.ndarray], float], float]


def alone(p: dict[str, np.ndarray], b: float) -> float:
    return float(stats.norm.logpdf(Y, p["a"] * special.expit(b * X), p["s"]).sum())


def beside_finite(p: dict[str, np.ndarray], b: float) -> float:
    one, none = (stats.norm.logpdf(Y, z * p["a"] * special.expit(b * X), p["s"]) for z in (1, 0))
    return float(np.logaddexp(np.log(p["p"]) + one, np.log1p(-p["p"]) + none).sum())


def beside_real(p: dict[str, np.ndarray], b: float) -> float:
    spread = np.sqrt((p["a"] * special.expit(b * X)) ** 2 + p["s"] ** 2)
    return float(stats.norm.logpdf(Y, 0, spread).sum())


def beside_chain(p: dict[str, np.ndarray], b: float) -> float:
    steps = np.minimum.outer(np.arange(7), np.arange(7))
    rises = special.expit(b * X)
    cov = np.outer(rises, rises) * (1 + p["q"] * steps) + p["s"] ** 2 * np.eye(7)
    return float(stats.multivariate_normal.logpdf(RISE * WALK, np.zeros(7), cov))


FUNCTIONS: dict[str, tuple[str, np.ndarray, Density]] = {
    "alone": ("param a : real  param s : positive  observed y[t] ~ Normal(a * logistic(b * x[t]), sd=s)", Y, alone),
    "beside a finite latent": (
        """param a : real  param s : positive  param p : unit  latent z[t] ~ Bernoulli(p)
        observed y[t] ~ Normal(a * logistic(b * x[t]) * z[t], sd=s)""",
        Y,
        beside_finite,
    ),
    "beside a real latent": (
        """param a : real  param s : positive  latent z[t] ~ Normal(0, var=1)
        observed y[t] ~ Normal(a * logistic(b * x[t]) * z[t], sd=s)""",
        Y,
        beside_real,
    ),
    "beside a chain": (
        """param s : positive  param q : positive  latent z[0] ~ Normal(0, var=1)
        latent z[t] ~ Normal(z[t-1], var=q)  observed y[t] ~ Normal(logistic(b * x[t]) * z[t], sd=s)""",
        RISE * WALK,
        beside_chain,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_a_parameter_is_one_of_a_choice_among_values(name: str) -> None:
    text, y, density = FUNCTIONS[name]
    head = "model M()  time t in T  given x[t] : real"
    cure = (
        "choose among given values: `values[choice]` in place of `b`, with `given values[i] : real` over a "
        "`plate i in I`, and `latent choice ~ Categorical(ones(I) / I)`"
    )
    with pytest.raises(ModelError, match="`logistic` of something unknown") as refused:
        em.parse(f"{head}  param b : real  {text}")().source()
    assert refused.value.cure == cure
    model = em.parse(f"{head}  {CHOICE}  {text.replace('(b *', '(values[choice] *')}")()
    fit = model.fit(x=X, y=y, values=VALUES, n_init=2, max_iter=50)
    logs = np.array([density(fit.params, b) for b in VALUES])
    assert_allclose(fit.log_likelihood, special.logsumexp(logs) - np.log(len(VALUES)), rtol=1e-8)
    assert_allclose(fit.posterior["choice"].probabilities, special.softmax(logs), atol=1e-6)


def test_a_function_of_parameters_of_states_is_one_of_a_choice_for_each() -> None:
    head = """model M(K = 2)  time t in T  plate k in K  param A[k] : simplex[K]  param s : positive
        latent z[0] ~ Categorical(ones(K) / K)  latent z[t] ~ Categorical(A[z[t-1]])"""
    with pytest.raises(ModelError) as refused:
        em.parse(f"{head}  param b[k] : real  observed y[t] ~ Normal(logistic(b[z[t]]), sd=s)")().source()
    assert "`values[choice[k]]` in place of `b[k]`" in str(refused.value)
    assert "a finite `latent choice[k]`" in str(refused.value)
    choices = CHOICE.replace("latent choice", "latent choice[k]")
    cured = f"{head}  {choices}  observed y[t] ~ Normal(logistic(values[choice[z[t]]]), sd=s)"
    model, values = em.parse(cured)(), np.array([-1.0, 2.0])
    params = {"A": np.array([[0.8, 0.2], [0.3, 0.7]]), "s": np.array(0.4)}
    fit = model.fit(y=Y, values=values, init=params, max_iter=1, tol=0)
    paths = []
    for chosen in product(values, repeat=2):
        for path in product(range(2), repeat=len(Y)):
            steps = np.log([fit.params["A"][one, other] for one, other in pairwise(path)]).sum()
            means = special.expit(np.array(chosen))[list(path)]
            paths.append(steps + stats.norm.logpdf(Y, means, fit.params["s"]).sum() - 3 * np.log(2))
    highest = special.logsumexp(paths)
    assert highest - 0.7 < fit.log_likelihood < highest  # `choice` and `z` are independent under q


def test_a_size_beside_a_log_linear_mean_is_chosen_among_values() -> None:
    """The reason names the size: a mean of that form with a known size has an auxiliary latent."""
    head = "model M()  plate n in N  given x[n] : real  param m : real  param b : real"
    with pytest.raises(ModelError, match="`NegBinomial` has no closed form where its `size` is unknown") as refused:
        em.parse(f"{head}  param r : positive  observed y[n] ~ NegBinomial(exp(m + b * x[n]), size=r)")().source()
    assert "`values[choice]` in place of `r`, with `given values[i] : positive`" in str(refused.value)
    choice = CHOICE.replace("real", "positive")
    y, sizes = np.array([2, 0, 5, 1, 9, 3, 4]), np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    model = em.parse(f"{head}  {choice}  observed y[n] ~ NegBinomial(exp(m + b * x[n]), size=values[choice])")()
    fit = model.fit(x=X, y=y, values=sizes, n_init=2)
    mean = np.exp(fit.params["m"] + fit.params["b"] * X)
    logs = np.array([stats.nbinom.logpmf(y, size, size / (size + mean)).sum() for size in sizes])
    assert_allclose(fit.log_likelihood, special.logsumexp(logs) - np.log(len(sizes)), rtol=1e-8)
    assert_allclose(fit.posterior["choice"].probabilities, special.softmax(logs), atol=1e-6)


CHAINS = (
    "Gamma(3, rate=3 / g[s, t-1])",
    "Gamma(3, rate=3 * g[s, t-1])",
    "InvGamma(3, scale=2 * g[s, t-1])",
    "Gamma(g[s, t-1], rate=1)",
    "LogNormal(log(g[s, t-1]), sd=1)",
)


@pytest.mark.parametrize("law", CHAINS)
def test_a_chain_of_positive_numbers_has_a_latent_between_its_steps(law: str) -> None:
    head = "model M()  plate s in S  time t in T[s]  latent g[s, 0] : positive ~ Gamma(3, rate=1)"
    observed = "observed y[s, t] ~ Poisson(g[s, t])"
    with pytest.raises(ModelError, match="no conjugate posterior for `g`, entries of which meet") as refused:
        em.parse(f"{head}  latent g[s, t] ~ {law}  {observed}")().source()
    assert refused.value.cure == (
        "put a latent between the steps: `latent h[s, t] ~ Gamma(b, rate=b * g[s, t-1])` and "
        "`latent g[s, t] ~ Gamma(a, rate=a * h[s, t])`"
    )


def test_a_chain_with_latents_between_its_steps() -> None:
    """Its bound lies below the log evidence by quadrature, in which p(g_1 | g_0) is a beta prime law."""
    text = """model M()  plate s in S  time t in T[s]  latent g[s, 0] ~ Gamma(3, rate=1)
        latent h[s, 0] ~ Gamma(1, rate=1)  latent h[s, t] ~ Gamma(4, rate=4 * g[s, t-1])
        latent g[s, t] ~ Gamma(5, rate=5 * h[s, t])  observed y[s, t] ~ Poisson(g[s, t])"""
    y = [[4, 6], [0, 3]]
    fit = em.parse(text)().fit(y=y)
    grid = np.exp(np.linspace(-8, 4, 1500))
    step = grid * np.log(grid[1] / grid[0])
    log_step = 4 * np.log(4 * grid[:, None]) + 5 * np.log(5) + 4 * np.log(grid) - special.betaln(4, 5)
    log_step -= 9 * np.log(4 * grid[:, None] + 5 * grid)
    evidence, means = 0.0, []
    for first, second in y:
        one = stats.gamma.pdf(grid, 3) * stats.poisson.pmf(first, grid) * step
        other = stats.poisson.pmf(second, grid) * step
        joint = one[:, None] * np.exp(log_step) * other
        evidence += np.log(joint.sum())
        means.append([(joint.sum(axis=1) @ grid) / joint.sum(), (joint.sum(axis=0) @ grid) / joint.sum()])
    assert evidence - 0.8 < fit.objective < evidence
    assert_allclose(np.stack(fit.posterior["g"].mean), means, rtol=0.15)


def test_a_positive_latent_of_several_powers_is_a_parameter_with_a_mode() -> None:
    text = "model M()  plate n in N  latent g[n] : positive ~ Gamma(2, rate=2)  observed y[n] ~ Normal(g[n], sd=1)"
    with pytest.raises(ModelError, match="declare `g` as a parameter with this prior, of which method em has the mode"):
        em.parse(text)().source()
    y = np.array([0.3, 1.5, 2.0])
    fit = em.parse(text.replace("latent g", "param g"))().fit(y=y, tol=1e-12)
    roots = [np.roots([1, 2 - one, -1]).max() for one in y]  # 1 / g − 2 + y − g = 0
    assert_allclose(fit.params["g"], roots, rtol=1e-6)
