"""Sizes of ragged plates as numbers, and variables that run over the positions of their own group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.api import parse
from emdsl.errors import DataError, ModelError
from tests.oracles.networks import check_network

NAN = np.nan
RNG = np.random.default_rng(0)
SOURCE = [np.array([0, 1]), np.array([1, 2, 0]), np.array([2])]
TARGET = [np.array([0, 1, 1]), np.array([2, 0]), np.array([2, 2])]
X, Y, Z = [RNG.normal(size=len(e)) for e in SOURCE], [RNG.normal(size=len(f)) for f in TARGET], RNG.normal(size=3)
WORDS = {"e": SOURCE, "f": TARGET}
GROUPS = "plate s in S, v in V plate i in I[s] plate j in J[s]"
ALIGNMENT = f"""model M() {GROUPS} given e[s, i] : index[V] param t[v] : simplex[3]
    latent a[s, j] ~ Categorical(ones(I[s]) / I[s]) observed f[s, j] ~ Categorical(t[e[s, a[s, j]]])"""
TIME = ALIGNMENT.replace("plate j", "time j")
CHOICE = """model M() plate s in S plate i in I[s] given x[s, i] : real param m : real param v : positive
    latent a[s] ~ Categorical({}) observed z[s] ~ Normal(m * x[s, a[s]], var=v)"""
OTHER = CHOICE.replace("given", "given o[s] : index[S] given")

EXACT: dict[str, tuple[str, dict[str, Any]]] = {
    "weights": (ALIGNMENT, {**WORDS, "weights.s": np.array([1.0, 2.0, 0.5])}),
    "weights_of_rows": (ALIGNMENT, {**WORDS, "weights.j": [np.ones(3), np.array([1.0, 2.0]), np.array([0.5, 1.5])]}),
    "missing": (
        ALIGNMENT.replace("f[s, j] ~", "f[s, j] missing ~"),
        {"e": SOURCE, "f": [np.array([0, NAN, 1]), np.array([2.0, 0]), np.array([NAN, 2])]},
    ),
    "labels": (ALIGNMENT, {**WORDS, "a": [np.array([NAN, 1, NAN]), np.array([2, NAN]), np.array([NAN, NAN])]}),
    "time": (TIME, WORDS),
    "time_with_a_start": (
        TIME.replace("latent", "latent a[s, 0] ~ Categorical(ones(I[s]) / I[s]) latent"),
        WORDS,
    ),
    "targets_of_one_length": (ALIGNMENT.replace("J[s]", "J"), {"e": SOURCE, "f": np.array([[0, 1], [2, 0], [2, 2]])}),
    "classes": (
        f"""model M(K = 2) plate k in K {GROUPS} given e[s, i] : index[V] param pi : simplex[K]
        param t[k, v] : simplex[3] latent c[s] ~ Categorical(pi) latent a[s, j] ~ Categorical(ones(I[s]) / I[s])
        observed f[s, j] ~ Categorical(t[c[s], e[s, a[s, j]]])""",
        WORDS,
    ),
    "position_as_a_number": (
        """model M() plate s in S plate i in I[s] plate j in J[s] param m : real param b : real param v : positive
        latent a[s, j] ~ Categorical(ones(I[s]) / I[s]) observed y[s, j] ~ Normal(m + b * a[s, j], var=v)
        observed x[s, i] ~ Normal(m, var=v)""",
        {"x": X, "y": Y},
    ),
    "one_of_each_group": (CHOICE.format("ones(I[s]) / I[s]"), {"x": X, "z": Z}),
    "law_by_a_let": (CHOICE.replace("latent", "let p[s] = ones(I[s]) / I[s] latent").format("p[s]"), {"x": X, "z": Z}),
    "softmax": (CHOICE.format("softmax(x[s])"), {"x": X, "z": Z}),
    "exponentials": (CHOICE.format("exp(x[s]) / sum(exp(x[s]))"), {"x": X, "z": Z}),
    "mixture_of_laws": (
        CHOICE.replace("real param m", "positive param m").format("0.5 * ones(I[s]) / I[s] + 0.5 * x[s] / sum(x[s])"),
        {"x": [np.abs(x) for x in X], "z": Z},
    ),
    "a_number_added": (CHOICE.format("(ones(I[s]) + 1) / (2 * I[s])"), {"x": X, "z": Z}),
    "parameter_of_each_element": (
        """model M() plate s in S plate i in I[s] param m[s, i] : real param v : positive
        latent a[s] ~ Categorical(ones(I[s]) / I[s]) observed x[s, i] ~ Normal(m[s, i], var=v)
        observed z[s] ~ Normal(m[s, a[s]], var=v)""",
        {"x": X, "z": Z},
    ),
    "observed_positions": (
        CHOICE.replace("latent", "observed").format("ones(I[s]) / I[s]"), {"x": X, "z": Z, "a": np.array([1, 2, 0])},
    ),
}  # fmt: skip

APPROXIMATE: dict[str, tuple[str, dict[str, Any]]] = {
    "latent_of_each_element": (
        """model M() plate s in S plate i in I[s] plate j in J[s] param v : positive latent m[s, i] ~ Normal(0, var=1)
        latent a[s, j] ~ Categorical(ones(I[s]) / I[s]) observed y[s, j] ~ Normal(m[s, a[s, j]], var=v)""",
        {"y": Y, "I": np.array([2, 3, 1])},
    ),
    "class_of_each_element": (
        """model M(K = 2) plate k in K plate s in S plate i in I[s] plate j in J[s] param pi : simplex[K]
        param m[k] : real param v : positive latent c[s, i] ~ Categorical(pi)
        latent a[s, j] ~ Categorical(ones(I[s]) / I[s]) observed x[s, i] ~ Normal(m[c[s, i]], var=v)
        observed y[s, j] ~ Normal(m[c[s, a[s, j]]], var=v)""",
        {"x": X, "y": Y},
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_against_brute_force(name: str) -> None:
    text, data = EXACT[name]
    check_network(text, {}, data, fit=False)


@pytest.mark.parametrize("name", ["one_of_each_group", "position_as_a_number"])
def test_hard(name: str) -> None:
    text, data = EXACT[name]
    check_network(text, {}, data, "hard")


@pytest.mark.parametrize("name", APPROXIMATE)
def test_bounds(name: str) -> None:
    text, data = APPROXIMATE[name]
    check_network(text, {}, data, exact=False)


def test_variational() -> None:
    check_network(ALIGNMENT.replace("simplex[3]", "simplex[3] ~ Dirichlet(2)"), {}, WORDS, "vb")


def ibm_model_1(translation: Any, iterations: int) -> tuple[Any, list[float]]:
    """Counts of translations, word by word, as in the textbooks: t(f | e) = Σ expected counts, normalised."""
    likelihoods = []
    for _ in range(iterations):
        counts, log_likelihood = np.zeros_like(translation), 0.0
        for source, target in zip(SOURCE, TARGET, strict=True):
            for f in target:
                total = sum(translation[e, f] for e in source)
                log_likelihood += np.log(total / len(source))
                for e in source:
                    counts[e, f] += translation[e, f] / total
        likelihoods.append(log_likelihood)
        translation = counts / counts.sum(axis=1, keepdims=True)
    return translation, likelihoods


def test_iterates_are_those_of_ibm_model_1() -> None:
    start = np.random.default_rng(3).dirichlet(np.ones(3), size=3)
    fit = parse(ALIGNMENT)().fit(WORDS, init={"t": start}, max_iter=7, tol=0)
    _, likelihoods = ibm_model_1(start, 8)
    assert_allclose(fit.history, likelihoods[1:], rtol=1e-12)
    assert_allclose(fit.params["t"], ibm_model_1(start, 7)[0], rtol=1e-10)


def test_large_vocabularies_need_no_table_of_words_by_words() -> None:
    rng = np.random.default_rng(0)
    source = [rng.integers(400, size=rng.integers(5, 15)) for _ in range(300)]
    target = [rng.integers(300, size=len(words)) for words in source]
    fit = parse(ALIGNMENT.replace("simplex[3]", "simplex[300]"))().fit(e=source, f=target, n_init=1, max_iter=2, tol=0)
    assert np.isfinite(fit.log_likelihood)


def test_posterior_has_the_states_of_each_group() -> None:
    fit = parse(ALIGNMENT)().fit(WORDS, max_iter=3)
    alignment = fit.posterior["a"]
    assert [np.shape(p) for p in alignment.probabilities] == [(3, 2), (2, 3), (2, 1)]
    for source, target, p, one in zip(SOURCE, TARGET, alignment.probabilities, alignment, strict=True):
        weights = fit.params["t"][source][:, target].T
        np.testing.assert_array_equal(p, one)
        assert_allclose(p.sum(axis=1), 1.0)
        assert p.shape == weights.shape
    assert [np.shape(m) for m in alignment.mode] == [(3,), (2,), (2,)]
    longer = {"e": [np.array([0, 1, 2, 0]), np.array([1])], "f": [np.array([1]), np.array([0, 2])]}
    assert [np.shape(p) for p in fit.predict_proba(longer)["a"]] == [(1, 4), (2, 1)]


def test_posterior_of_one_for_each_group() -> None:
    text, data = EXACT["softmax"]
    found = parse(text)().fit(data, max_iter=2).posterior["a"]
    assert [np.shape(p) for p in found.probabilities] == [(2,), (3,), (1,)]


def test_starts_by_alignments() -> None:
    """Probabilities of a latent over a ragged size come as its posterior does."""
    model = parse(ALIGNMENT)()
    fit = model.fit(WORDS, max_iter=4, tol=0)
    again = model.fit(WORDS, init={"a": fit.posterior["a"].probabilities}, max_iter=1, tol=0)
    assert_allclose(again.params["t"], ibm_model_1(fit.params["t"], 2)[0], rtol=1e-10)
    wrong = [np.full((3, 3), 1 / 3), *fit.posterior["a"].probabilities[1:]]
    with pytest.raises(DataError, match="more states than its group has"):
        model.fit(WORDS, init={"a": wrong})


def test_samples_lie_within_their_group() -> None:
    fit = parse(ALIGNMENT)().fit(WORDS, max_iter=2)
    drawn = fit.sample()
    assert [len(a) for a in drawn["a"]] == [3, 2, 2]
    assert all((np.asarray(a) < len(e)).all() for a, e in zip(drawn["a"], SOURCE, strict=True))
    many = fit.sample(e=[np.array([0] * n) for n in (1, 4)], J=[50, 50])
    assert set(np.unique(many["a"][0])) == {0} and set(np.unique(many["a"][1])) == {0, 1, 2, 3}


def test_labels_beyond_the_group_are_refused() -> None:
    with pytest.raises(DataError, match=r"`a` is 2, but its group has I = 2 positions"):
        parse(ALIGNMENT)().fit({**WORDS, "a": [np.array([2, NAN, NAN]), np.array([2, NAN]), np.array([NAN, NAN])]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OTHER.format("ones(I[o[s]]) / I[o[s]]"), "not its own"),
        (
            OTHER.replace("x[s, a", "x[o[s], a").format("ones(I[s]) / I[s]"),
            "its own group only",
        ),
        (
            "model M() plate s in S plate i in I[s] given x[s, i] : real param v : positive "
            "observed y[s] ~ MvNormal(x[s], cov=v * eye(I[s]))",
            "a vector over the ragged size `I`",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        parse(text)().source()
    assert caught.value.line is not None
