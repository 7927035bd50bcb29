"""Real latents far from zero: a shift of the data shifts means, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emdsl as em

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(2)
GROUP = np.repeat(np.arange(8), 5)
Y = RNG.normal(size=8)[GROUP] + RNG.normal(size=40)
X = np.column_stack([np.ones(40), RNG.normal(size=40)])
SCHOOL = np.array([0, 0, 0, 1, 1, 2, 2, 2])
SHIFTS = (10.0, 1e4, 1e6)

#: Text, data, start, the parameters that the shift moves, and the latents with what the shift adds to their entries.
MODELS: dict[str, tuple[str, dict[str, Array], dict[str, Any], tuple[str, ...], dict[str, Any]]] = {
    "groups by an index array": (
        """model M() plate i in N, g in G given grp[i] : index[G] param m : real param a : positive param s : positive
        latent b[g] ~ Normal(m, var=a) observed y[i] ~ Normal(b[grp[i]], var=s)""",
        {"y": Y, "grp": GROUP}, {"m": 0.1, "a": 1.5, "s": 0.8}, ("m",), {"b": 1.0},
    ),
    "groups as a plate": (
        """model M() plate g in G, i in N param m : real param a : positive param s : positive
        latent b[g] ~ Normal(m, var=a) observed y[g, i] ~ Normal(b[g], var=s)""",
        {"y": Y.reshape(8, 5)}, {"m": 0.1, "a": 1.5, "s": 0.8}, ("m",), {"b": 1.0},
    ),
    "rooms in schools": (
        """model M() plate i in N, g in G, h in H given grp[i] : index[G] given school[g] : index[H]
        param m : real param u : positive param a : positive param s : positive
        latent c[h] ~ Normal(m, var=u) latent b[g] ~ Normal(c[school[g]], var=a)
        observed y[i] ~ Normal(b[grp[i]], var=s)""",
        {"y": Y, "grp": GROUP, "school": SCHOOL}, {"m": 0.1, "u": 0.7, "a": 1.5, "s": 0.8}, ("m",),
        {"b": 1.0, "c": 1.0},
    ),
    "intercepts and slopes": (
        """model M() plate i in N, g in G given grp[i] : index[G] given X[i] : real[P]
        param m : real[P] param S : cov[P] param s : positive
        latent b[g] ~ MvNormal(m, cov=S) observed y[i] ~ Normal(X[i] @ b[grp[i]], var=s)""",
        {"y": Y, "grp": GROUP, "X": X}, {"m": np.array([0.1, 0.2]), "S": np.eye(2), "s": 0.8}, ("m",),
        {"b": np.array([1.0, 0.0])},
    ),
    "columns": (
        """model M() plate g in G, d in D param m[d] : real param a : positive param s : positive
        latent b[g, d] ~ Normal(m[d], var=a) observed y[g, d] ~ Normal(b[g, d], var=s)""",
        {"y": Y.reshape(8, 5)}, {"m": np.zeros(5), "a": 1.5, "s": 0.8}, ("m",), {"b": 1.0},
    ),
    "a walk from a parameter": (
        """model M() time t in T param m : real param q : positive param r : positive
        latent x[0] ~ Normal(m, var=1) latent x[t] ~ Normal(x[t-1], var=q)
        observed y[t] missing ~ Normal(x[t], var=r)""",
        {"y": np.where(np.arange(40) % 7 == 3, np.nan, Y)}, {"m": 0.1, "q": 0.3, "r": 0.8}, ("m",), {"x": 1.0},
    ),
    "gaps in a walk": (
        """model M() time t in T param m : real param c : real param q : positive
        observed y[0] ~ Normal(m, var=1) observed y[t] missing ~ Normal(y[t-1] + c, var=q)""",
        {"y": np.where(np.arange(40) % 7 == 3, np.nan, Y)}, {"m": 0.1, "c": 0.1, "q": 0.8}, ("m",), {"y": 1.0},
    ),
    "groups of two kinds": (
        """model M(K = 2) plate i in N, g in G, k in K given grp[i] : index[G] param pi : simplex[K] param m : real
        param a[k] : positive param s : positive latent z[g] ~ Categorical(pi)
        latent b[g] ~ Normal(m, var=a[z[g]]) observed y[i] ~ Normal(b[grp[i]], var=s)""",
        {"y": Y, "grp": GROUP}, {"pi": np.array([0.4, 0.6]), "m": 0.1, "a": np.array([0.2, 3.0]), "s": 0.8}, ("m",),
        {"b": 1.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", MODELS)
def test_a_shift_moves_means_alone(name: str, shift: float) -> None:
    text, data, start, moved, latents = MODELS[name]
    near = em.parse(text)().fit(data, init=start, max_iter=5, tol=0)
    added = {key: shift * (np.array([1.0, 0.0]) if np.shape(start[key]) == (2,) else 1.0) for key in moved}
    there = {key: value + added.get(key, 0.0) for key, value in start.items()}
    far = em.parse(text)().fit({**data, "y": data["y"] + shift}, init=there, max_iter=5, tol=0)
    rounding = 1e-15 * shift
    np.testing.assert_allclose(far.history, near.history, rtol=1e-9 + 100 * rounding)
    for key, value in near.params.items():
        np.testing.assert_allclose(far.params[key] - added.get(key, 0.0), value, rtol=1e-7, atol=1e-7 + 10 * rounding)
    for key, one in latents.items():
        found = far.posterior[key].mean - shift * one
        np.testing.assert_allclose(found, near.posterior[key].mean, rtol=1e-7, atol=1e-7 + 10 * rounding)
        spread = "cov" if name == "intercepts and slopes" else "var"
        np.testing.assert_allclose(getattr(far.posterior[key], spread), getattr(near.posterior[key], spread), rtol=1e-7)


@pytest.mark.parametrize("name", ["groups by an index array", "groups as a plate", "groups of two kinds"])
def test_given_values_are_taken_as_they_are(name: str) -> None:
    text, data, start, _, _ = MODELS[name]
    given = np.where(np.arange(8) % 3 == 0, 5e3 + np.arange(8), np.nan)
    there = {**start, "m": 5e3}
    fit = em.parse(text)().fit({**data, "y": data["y"] + 5e3, "b": given}, init=there, max_iter=0)
    known = ~np.isnan(given)
    np.testing.assert_allclose(fit.posterior["b"].mean[known], given[known])
    near = em.parse(text)().fit({**data, "b": given - 5e3}, init={**start, "m": 0.0}, max_iter=0)
    assert fit.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-9)
