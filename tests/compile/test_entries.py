"""Chains over a plate that meet each other: in a sum, at fixed entries, or where an index array leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.data.binding import bind_data
from emdsl.errors import ModelError
from tests.oracles.networks import check_network

RNG = np.random.default_rng(5)
Y, PAIRS, COUNTS = RNG.normal(size=4), RNG.normal(size=(4, 2)), np.array([1, 0, 3])
HEAD = "model M() time t in T plate c in 2, k in 2 param h[c] : real param q[c, k] : unit"
CHAINS = "latent d[c, 0] ~ Bernoulli(0.4) latent d[c, t] ~ Bernoulli(q[c, d[c, t-1]])"
SUM = f"{HEAD} {CHAINS} observed y[t] ~ Normal(sum(h[c]*d[c, t], c), sd=1)"

#: Text, data, methods.
EXACT: dict[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {
    "a_sum": (SUM, {"y": Y}, ("em", "hard")),
    "a_sum_with_gaps": (SUM.replace("y[t]", "y[t] missing"), {"y": np.array([0.3, np.nan, 1.0])}, ("em",)),
    "a_sum_under_priors": (
        """model M() time t in T plate c in 2, k in 2 param h[c] : real ~ Normal(0, sd=1)
        param q[c, k] : unit ~ Beta(2, 2) param v : positive ~ InvGamma(2, scale=2)
        latent d[c, 0] ~ Bernoulli(0.4) latent d[c, t] ~ Bernoulli(q[c, d[c, t-1]])
        observed y[t] ~ Normal(sum(h[c]*d[c, t], c), var=v)""",
        {"y": Y},
        ("em", "vb"),
    ),
    "three_states": (
        """model M() time t in T plate c in 2, k in 3 param A[c, k] : simplex[3] param p[c] : simplex[3]
        param h[c, k] : real latent d[c, 0] ~ Categorical(p[c]) latent d[c, t] ~ Categorical(A[c, d[c, t-1]])
        observed y[t] ~ Normal(sum(h[c, d[c, t]], c), sd=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    "vectors": (
        """model M() time t in T plate c in 2, k in 2 param q[c, k] : unit param W[c] : real[2] param C : cov[2]
        latent d[c, 0] ~ Bernoulli(0.5) latent d[c, t] ~ Bernoulli(q[c, d[c, t-1]])
        observed y[t] ~ MvNormal(sum(W[c]*d[c, t], c), cov=C)""",
        {"y": PAIRS},
        ("em",),
    ),
    "the_plate_after_time": (
        """model M() time t in T plate c in 2, k in 2 param q[c, k] : unit param h[c] : real
        latent d[0, c] ~ Bernoulli(0.5) latent d[t, c] ~ Bernoulli(q[c, d[t-1, c]])
        observed y[t] ~ Normal(sum(h[c]*d[t, c], c), sd=1) observed x[t, c] ~ Normal(d[t, c], sd=2)""",
        {"y": Y, "x": PAIRS},
        ("em",),
    ),
    "series": (
        """model M() plate s in S time t in T[s] plate c in 2, k in 2 param q[c, k] : unit param h[c] : real
        latent d[s, 0, c] ~ Bernoulli(0.5) latent d[s, t, c] ~ Bernoulli(q[c, d[s, t-1, c]])
        observed y[s, t] ~ Normal(sum(h[c]*d[s, t, c], c), sd=1)""",
        {"y": [Y[:2], Y[2:3]]},
        ("em",),
    ),
    "two_plates": (
        """model M() plate a in 2, b in 2 time t in T plate k in 2 param q[k] : unit param h[a, b] : real
        latent d[a, 0, b] ~ Bernoulli(0.5) latent d[a, t, b] ~ Bernoulli(q[d[a, t-1, b]])
        observed y[t] ~ Normal(sum(sum(h[a, b]*d[a, t, b], a), b), sd=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    "tied": (
        """model M() time t in T plate c in 3, k in 2 param q[k] : unit param h : real
        latent d[c, 0] ~ Bernoulli(0.3) latent d[c, t] ~ Bernoulli(q[d[c, t-1]])
        observed y[t] ~ Normal(h*sum(d[c, t], c), sd=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    # groups of chains that move one after the other: two of them first, then the third
    "three_of_three_states": (
        """model M() plate s in S time t in T[s] plate c in 3, k in 3 param A[c, k] : simplex[3] param p[c] : simplex[3]
        param h[c] : real latent d[c, s, 0] ~ Categorical(p[c]) latent d[c, s, t] ~ Categorical(A[c, d[c, s, t-1]])
        observed y[s, t] ~ Normal(sum(h[c]*d[c, s, t], c), sd=1)""",
        {"y": [Y[:2], Y[2:3]], "weights.s": np.array([0.5, 2.0])},
        ("em", "hard"),
    ),
    "one_apart_from_two_that_drive_each_other": (
        """model M() time t in T plate k in 2, l in 2 param p[k, l] : unit param q[k] : unit param u[k, l] : unit
        param h : real latent a[0] ~ Bernoulli(0.4) latent a[t] ~ Bernoulli(p[a[t-1], b[t-1]])
        latent c[0] ~ Bernoulli(0.7) latent c[t] ~ Bernoulli(q[c[t-1]])
        latent b[0] ~ Bernoulli(0.6) latent b[t] ~ Bernoulli(u[b[t-1], a[t]])
        observed y[t] ~ Normal(h*a[t] - b[t] + 2*c[t], sd=1)""",
        {"y": Y},
        ("em", "hard"),
    ),
    "two_steps_back_beside_one": (
        """model M() time t in T plate k in 2, l in 2 param p[k, l] : unit param q[k] : unit param h : real
        latent a[0] ~ Bernoulli(0.4) latent a[1] ~ Bernoulli(0.5) latent a[t] ~ Bernoulli(p[a[t-1], a[t-2]])
        latent b[0] ~ Bernoulli(0.7) latent b[t] ~ Bernoulli(q[b[t-1]])
        observed y[t] ~ Normal(h*a[t] - b[t], sd=1)""",
        {"y": Y},
        ("em",),
    ),
    "a_product": (
        """model M() time t in T plate c in 2, k in 2 param q[k] : unit param b : positive
        latent d[c, 0] ~ Bernoulli(0.3) latent d[c, t] ~ Bernoulli(q[d[c, t-1]])
        observed y[t] ~ Poisson(b*exp(sum(d[c, t], c)))""",
        {"y": COUNTS},
        ("em",),
    ),
    "fixed_entries": (
        f"{HEAD} {CHAINS} observed y[t] ~ Normal(h[0]*d[0, t] + h[1]*d[1, t], sd=1)",
        {"y": Y},
        ("em",),
    ),
    "some_fixed_entries": (
        """model M() time t in T plate c in 3, k in 2 param q[k] : unit param h : real
        latent d[c, 0] ~ Bernoulli(0.3) latent d[c, t] ~ Bernoulli(q[d[c, t-1]])
        observed y[t] ~ Normal(h*d[0, t]*d[1, t], sd=1) observed x[c, t] ~ Normal(d[c, t], sd=3)""",
        {"y": Y[:3], "x": RNG.normal(size=(3, 3))},
        ("em",),
    ),
    "entries_as_indices": (
        f"{HEAD} {CHAINS} plate l in 2 param r[k, l] : unit observed y[t] ~ Bernoulli(r[d[0, t], d[1, t]])"
        " observed x[t] ~ Normal(sum(h[c]*d[c, t], c), sd=1)",
        {"y": np.array([1, 0, 1]), "x": Y[:3]},
        ("em",),
    ),
    "a_class_of_each": (
        """model M() time t in T plate c in 2, k in 2, l in 2 param q[l, k] : unit param h[c] : real
        latent g[c] ~ Bernoulli(0.4) latent d[c, 0] ~ Bernoulli(0.5) latent d[c, t] ~ Bernoulli(q[g[c], d[c, t-1]])
        observed y[t] ~ Normal(sum(h[c]*d[c, t], c), sd=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    "real_ones_beside_them": (
        f"{HEAD} {CHAINS} latent x[c, t] ~ Normal(h[c], sd=1) observed y[t] ~ Normal(sum(x[c, t] + d[c, t], c), sd=1)",
        {"y": Y[:3]},
        ("em",),
    ),
    "where_an_index_array_leads": (
        f"{SUM} plate n in N given i[n] : index[2] given j[n] : index[T]"
        " observed w[n] ~ Normal(h[i[n]]*d[i[n], j[n]], sd=1)",
        {"y": Y[:3], "i": np.array([0, 1, 1, 0]), "j": np.array([0, 2, 1, 1]), "w": Y},
        ("em",),
    ),
    # which ended in refusals: the plate first, and a real latent beside them
    "of_a_row": (
        """model M() plate p in P, c in 2, k in 2 param b[c] : real latent d[c, p] ~ Bernoulli(0.3)
        observed y[p] ~ Normal(sum(b[c]*d[c, p], c), sd=1)""",
        {"y": Y},
        ("em", "hard"),
    ),
    "of_a_row_in_a_product": (
        """model M() plate p in P, c in 2, k in 2 param b : positive latent d[c, p] ~ Bernoulli(0.3)
        observed y[p] ~ Poisson(b*exp(sum(d[c, p], c)))""",
        {"y": COUNTS},
        ("em",),
    ),
    "of_a_row_beside_a_real_one": (
        """model M() plate p in P, i in 3 param q : unit param b : real latent d[p, i] ~ Bernoulli(q)
        latent x[p] ~ Normal(0, sd=1) observed y[p] ~ Normal(x[p] + b*d[p, 0] - d[p, 1], sd=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    # what is not missing is known, and hard EM sums out what is
    "of_a_row_missing": (
        """model M() plate p in P, c in 2 param u[c] : unit param b[c] : real observed d[p, c] missing ~ Bernoulli(u[c])
        observed y[p] ~ Normal(sum(b[c]*d[p, c], c), sd=1)""",
        {"y": Y, "d": np.array([[1, np.nan], [np.nan, np.nan], [0, 1], [np.nan, 0]])},
        ("em", "hard"),
    ),
    # real latents at several entries ended in a fault of the compiler
    "real_ones_at_fixed_entries": (
        """model M() time t in T plate c in 2 param h[c] : real latent x[c, 0] ~ Normal(0, sd=1)
        latent x[c, t] ~ Normal(h[c]*x[c, t-1], sd=1) observed y[t] ~ Normal(x[0, t] - x[1, t], sd=1)""",
        {"y": Y},
        ("em",),
    ),
    "real_ones_of_a_row_at_fixed_entries": (
        """model M() plate p in P, c in 2 param h[c] : real latent x[p, c] ~ Normal(h[c], sd=1)
        observed y[p] ~ Normal(x[p, 0] - x[p, 1], sd=1)""",
        {"y": Y},
        ("em",),
    ),
}

BOUNDED = {
    "real_chains_in_the_sum": (
        f"""{HEAD} {CHAINS} latent x[c, 0] ~ Normal(0, sd=1) latent x[c, t] ~ Normal(x[c, t-1], sd=1)
        observed y[t] ~ Normal(sum(x[c, t] + h[c]*d[c, t], c), sd=1)""",
        {"y": Y[:3]},
    ),
    "real_ones_times_states": (
        f"{HEAD} {CHAINS} latent x[c, t] ~ Normal(h[c], sd=1) observed y[t] ~ Normal(sum(x[c, t]*d[c, t], c), sd=1)",
        {"y": Y[:3]},
    ),
    "an_entry_that_a_latent_tells": (
        f"{SUM} plate n in N latent g[n] ~ Bernoulli(0.3) observed w[n, t] ~ Normal(d[g[n], t], sd=1)",
        {"y": Y[:3], "w": RNG.normal(size=(2, 3))},
    ),
}


@pytest.mark.parametrize("name, method", [(name, method) for name, case in EXACT.items() for method in case[2]])
def test_against_brute_force(name: str, method: str) -> None:
    text, data, _ = EXACT[name]
    check_network(text, {}, data, method, fit=False)


@pytest.mark.parametrize("name", BOUNDED)
def test_beside_others(name: str) -> None:
    text, data = BOUNDED[name]
    check_network(text, {}, data, exact=False)


def test_logarithms_of_effects() -> None:
    text = """model M() time t in T plate c in 2, k in 2 param q[k] : unit param h[c] : positive param b : positive
        latent d[c, 0] ~ Bernoulli(0.3) latent d[c, t] ~ Bernoulli(q[d[c, t-1]])
        observed y[t] ~ Poisson(b*exp(sum(log(h[c])*d[c, t], c)))"""
    check_network(text, {}, {"y": COUNTS}, closed_form=False, fit=False)


SIZES = "time t in T plate c in 3, k in 8 param A[c, k] : simplex[8] param p[c] : simplex[8] param h[c, k] : real"
IN_A_SUM = f"""model M() {SIZES} latent z[c, 0] ~ Categorical(p[c]) latent z[c, t] ~ Categorical(A[c, z[c, t-1]])
    observed y[t] ~ Normal(sum(h[c, z[c, t]], c), sd=1)"""
NAMED = f"""model M() {SIZES} {
    " ".join(
        f"latent {name}[0] ~ Categorical(p[{c}]) latent {name}[t] ~ Categorical(A[{c}, {name}[t-1]])"
        for c, name in enumerate(("z0", "z1", "z2"))
    )
} observed y[t] ~ Normal(h[0, z0[t]] + h[1, z1[t]] + h[2, z2[t]], sd=1)"""


def test_beyond_the_budget_they_are_as_those_with_names_of_their_own() -> None:
    """512 joint states are too many: a factor of q for two chains, and one for the third."""
    rng = np.random.default_rng(0)
    params = {"A": rng.dirichlet(np.ones(8), (3, 8)), "p": rng.dirichlet(np.ones(8), 3), "h": rng.normal(size=(3, 8))}
    found = []
    for text in (IN_A_SUM, NAMED):
        model = parse(text)()
        module = model.program("em").module
        data = bind_data(model.bound_model, {"y": 3 * rng.normal(size=30) if not found else found[0][0]["y"]})
        start = module.from_estimates(params, module.initialise(data, np.random.default_rng(0)))
        found.append((data, *module.e_step(data, start), module.posterior(data, start)))
        assert "product of chains" in str(model.plan)
    (_, _, bound, whole), (_, _, other_bound, apart) = found
    assert bound == pytest.approx(other_bound, rel=1e-12)
    for c in range(3):
        np.testing.assert_allclose(whole["z"]["probabilities"][c], apart[f"z{c}"]["probabilities"], atol=1e-7)


def test_results_are_those_of_chains_with_names_of_their_own() -> None:
    rng = np.random.default_rng(1)
    sizes = "time t in T plate c in 2, k in 3 param A[c, k] : simplex[3] param h[c] : real param s : positive"
    whole = f"""model M() {sizes} latent z[c, 0] ~ Categorical([0.2, 0.3, 0.5])
        latent z[c, t] ~ Categorical(A[c, z[c, t-1]]) observed y[t] missing ~ Normal(sum(h[c]*z[c, t], c), sd=s)"""
    named = f"""model M() {sizes} latent a[0] ~ Categorical([0.2, 0.3, 0.5]) latent a[t] ~ Categorical(A[0, a[t-1]])
        latent b[0] ~ Categorical([0.2, 0.3, 0.5]) latent b[t] ~ Categorical(A[1, b[t-1]])
        observed y[t] missing ~ Normal(h[0]*a[t] + h[1]*b[t], sd=s)"""
    init = {"A": rng.dirichlet(np.ones(3), (2, 3)), "h": rng.normal(size=2), "s": 0.7}
    y = 2 * rng.normal(size=25)
    y[[4, 5, 24]] = np.nan
    one, two = (parse(text)().fit(y=y, init=init, max_iter=4) for text in (whole, named))
    assert one.log_likelihood == pytest.approx(two.log_likelihood, rel=1e-12)
    for name, value in two.params.items():
        np.testing.assert_allclose(one.params[name], value, rtol=1e-9)
    for kind in ("posterior", "filtered"):
        found, other = (getattr(fit, kind) if kind == "posterior" else fit.filtered(y=y) for fit in (one, two))
        for c, name in enumerate("ab"):
            np.testing.assert_allclose(found["z"].probabilities[c], other[name].probabilities, atol=1e-10)
    for c, name in enumerate("ab"):
        np.testing.assert_array_equal(one.predict(y=y)["z"][c], two.predict(y=y)[name])
    for law, other_law in ((one.predictive(y=y), two.predictive(y=y)), (one.forecast(3), two.forecast(3))):
        np.testing.assert_allclose(law["y"].mean, other_law["y"].mean, rtol=1e-9)
        np.testing.assert_allclose(law["y"].var, other_law["y"].var, rtol=1e-9)
    np.testing.assert_allclose(one.impute(y=y)["y"], two.impute(y=y)["y"], rtol=1e-9)
    assert one.sample(5)["z"].shape == (2, 5)


def test_given_states() -> None:
    """Some states of the chains are known: an array with the plates of the whole variable."""
    check_network(
        SUM, {}, {"y": Y, "d": np.array([[1.0, np.nan, np.nan, 0.0], [np.nan, np.nan, 1.0, np.nan]])}, fit=False
    )


MISSING = CHAINS.replace("latent", "observed").replace("] ~", "] missing ~")


def test_hard_em_refuses_missing_entries_beside_states() -> None:
    text = f"""{HEAD} latent z[t] ~ Bernoulli(0.3) {MISSING}
        observed y[t] ~ Normal(sum(h[c]*d[c, t], c) + z[t], sd=1)"""
    with pytest.raises(ModelError, match="hard EM would sum them out and choose the states of `z`"):
        parse(text)().program("hard")


def test_missing_entries_beyond_the_budget_are_refused() -> None:
    text = IN_A_SUM.replace("latent", "observed").replace("] ~ C", "] missing ~ C")
    with pytest.raises(ModelError, match="no exact posterior where they meet each other"):
        parse(text)().program("em")


def test_the_derivation_names_the_entries() -> None:
    text = str(parse(SUM)().derivation)
    assert "Entries of `d` along $c$ meet each other: they are inferred as the variables `d₀` and `d₁`." in text
    assert "{d_{0}}" in text


def test_weights_of_the_plate_are_refused() -> None:
    with pytest.raises(Exception, match="weights"):
        parse(SUM)().fit(y=Y, weights={"c": [1.0, 2.0]})


def test_a_size_that_only_the_data_tell() -> None:
    text = SUM.replace("plate c in 2", "plate c in C")
    with pytest.raises(ModelError, match="E090") as caught:
        parse(text)().source()
    assert "bind it: M(C=…)" in str(caught.value)
    assert "product of chains" in str(parse(text)(C=2).plan)


def test_a_factorisation_that_is_asked_for() -> None:
    """q(d) q(w) holds the chains whole and apart from the other one; their own product stays together."""
    text = f"""{HEAD} {CHAINS} latent w[0] ~ Bernoulli(0.5) latent w[t] ~ Bernoulli(0.3 + 0.4*w[t-1])
        observed y[t] ~ Normal(sum(h[c]*d[c, t], c) + w[t], sd=1)"""
    assert "`d₀`, `d₁` and `w` along t" in str(parse(text)().plan)
    plan = str(parse(f"{text} factorise q(d) q(w)")().plan)
    assert "`d₀` and `d₁` along t" in plan and "`factorise` separates them" in plan
