"""Ragged plates within ragged plates: documents, their sentences and the words of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.api import parse
from emdsl.compile import compile_model
from tests.oracles.networks import check_network, instance

NAN = np.nan
RNG = np.random.default_rng(0)
LENGTHS = [[2, 1], [3], [1, 2]]
WORDS = [[RNG.integers(3, size=n) for n in document] for document in LENGTHS]
VALUES = [[RNG.normal(size=n) for n in document] for document in LENGTHS]
SENTENCES = [RNG.normal(size=len(document)) for document in LENGTHS]
HOLES = [[words.astype(float) for words in document] for document in WORDS]
HOLES[0][0][1] = HOLES[1][0][0] = NAN
PAIRS = [[RNG.integers(3, size=n) for n in pair] for pair in ((2, 1), (3, 1), (1, 2))]
WEIGHTS = np.array([1.0, 2.0, 0.5])
ROW_WEIGHTS = [np.array([1.0, 2.0]), np.array([0.5]), np.array([3.0, 1.0])]

PLATES = "plate d in D plate i in I[d] plate j in J[d, i] plate k in K"
CLASSES = (
    f"model M(C = 2, K = 2) {PLATES}, c in C param rho : simplex[C] param q[c] : simplex[K] param t[k] : simplex[3]"
)
TOPICS = f"""{CLASSES} latent g[d] ~ Categorical(rho) latent z[d, i] ~ Categorical(q[g[d]])
    observed w[d, i, j] ~ Categorical(t[z[d, i]])"""
BOTH = f"""{CLASSES.replace("t[k]", "t[c, k]")} latent g[d] ~ Categorical(rho) latent z[d, i] ~ Categorical(q[g[d]])
    observed w[d, i, j] ~ Categorical(t[g[d], z[d, i]])"""
ALL = f"""{CLASSES.replace("t[k]", "t[c, k]").replace("param t", "param r[k] : simplex[K] param t")}
    latent g[d] ~ Categorical(rho) latent z[d, i] ~ Categorical(q[g[d]]) latent u[d, i, j] ~ Categorical(r[z[d, i]])
    observed w[d, i, j] ~ Categorical(t[g[d], u[d, i, j]])"""
SERIES = f"""{CLASSES.replace("plate j", "time j").replace("q[c]", "q[c, k]")} latent g[d] ~ Categorical(rho)
    latent z[d, i, 0] ~ Categorical(ones(K) / K) latent z[d, i, j] ~ Categorical(q[g[d], z[d, i, j-1]])
    observed w[d, i, j] ~ Categorical(t[z[d, i, j]])"""

EXACT: dict[str, tuple[str, dict[str, Any]]] = {
    "topic_of_each_sentence": (TOPICS, {"w": WORDS}),
    "weights": (TOPICS, {"w": WORDS, "weights.d": WEIGHTS}),
    "weights_of_sentences": (
        f"""model M(K = 2) {PLATES} param pi : simplex[K] param t[k] : simplex[3] latent z[d, i] ~ Categorical(pi)
        observed w[d, i, j] ~ Categorical(t[z[d, i]])""",
        {"w": WORDS, "weights.d": WEIGHTS, "weights.i": ROW_WEIGHTS},
    ),
    "missing": (TOPICS.replace("observed w[d, i, j]", "observed w[d, i, j] missing"), {"w": HOLES}),
    "labels": (TOPICS, {"w": WORDS, "z": [np.array([NAN, 1]), np.array([0]), np.array([NAN, NAN])]}),
    "words_see_both": (BOTH, {"w": WORDS}),
    "words_see_both_weighted": (BOTH, {"w": WORDS, "weights.d": WEIGHTS}),
    "class_of_each_word": (
        f"""{CLASSES.replace("param t", "param r[k] : simplex[K] param t")} latent g[d] ~ Categorical(rho)
        latent z[d, i] ~ Categorical(q[g[d]]) latent u[d, i, j] ~ Categorical(r[z[d, i]])
        observed w[d, i, j] ~ Categorical(t[u[d, i, j]])""",
        {"w": WORDS},
    ),
    "class_of_each_word_that_sees_its_document": (ALL, {"w": WORDS}),
    "class_of_each_word_that_sees_its_document_weighted": (ALL, {"w": WORDS, "weights.d": WEIGHTS}),
    "class_of_each_document": (
        f"""model M(K = 2) {PLATES} param pi : simplex[K] param t[k] : simplex[3] latent c[d] ~ Categorical(pi)
        observed w[d, i, j] ~ Categorical(t[c[d]])""",
        {"w": WORDS},
    ),
    "series": (SERIES, {"w": WORDS}),
    "weights_of_series": (SERIES, {"w": WORDS, "weights.d": WEIGHTS}),
    "weights_of_series_with_a_class_each": (
        SERIES.replace("g[d]", "g[d, i]"),
        {"w": WORDS, "weights.d": WEIGHTS, "weights.i": ROW_WEIGHTS},
    ),
    "weights_of_series_without_classes": (
        """model M(K = 2) plate d in D plate i in I[d] time j in J[d, i] plate k in K param q[k] : simplex[K]
        param t[k] : simplex[3] latent z[d, i, 0] ~ Categorical(ones(K) / K)
        latent z[d, i, j] ~ Categorical(q[z[d, i, j-1]]) observed w[d, i, j] ~ Categorical(t[z[d, i, j]])""",
        {"w": WORDS, "weights.d": WEIGHTS, "weights.i": ROW_WEIGHTS},
    ),
    "starts_by_class": (
        """model M(C = 2, K = 2) plate d in D, i in 2, c in C, k in K time j in J[d, i] param rho : simplex[C]
        param p[c] : simplex[K] param q[k] : simplex[K] param t[k] : simplex[3] latent g[d, i] ~ Categorical(rho)
        latent z[d, i, 0] ~ Categorical(p[g[d, i]]) latent z[d, i, j] ~ Categorical(q[z[d, i, j-1]])
        observed w[d, i, j] ~ Categorical(t[z[d, i, j]])""",
        {"w": PAIRS},
    ),
    "real_series": (
        """model M() plate d in D plate i in I[d] time j in J[d, i] param a : real param q : positive param v : positive
        given s[d, i] : real latent x[d, i, 0] ~ PointMass(s[d, i]) latent x[d, i, j] ~ Normal(a * x[d, i, j-1], var=q)
        observed y[d, i, j] ~ Normal(x[d, i, j], var=v)""",
        {"y": VALUES, "s": SENTENCES},
    ),
    "series_of_topics": (
        """model M(K = 2) plate d in D, k in K time i in I[d] plate j in J[d, i] param q[k] : simplex[K]
        param t[k] : simplex[3] latent z[d, 0] ~ Categorical(ones(K) / K)
        latent z[d, i] ~ Categorical(q[z[d, i-1]]) observed w[d, i, j] ~ Categorical(t[z[d, i]])""",
        {"w": WORDS},
    ),
    "real_effects": (
        f"""model M(K = 2) {PLATES} param m : real param a : positive param b : positive param v[k] : positive
        latent e[d] ~ Normal(m, var=a) latent u[d, i] ~ Normal(e[d], var=b)
        observed y[d, i, j] ~ Normal(u[d, i], var=v[0])
        observed x[d] ~ Normal(0, var=v[1])""",
        {"y": VALUES, "x": RNG.normal(size=3)},
    ),
    "two_levels_observed": (
        f"""model M(K = 2) {PLATES} param pi : simplex[K] param m[k] : real param v : positive
        latent z[d, i] ~ Categorical(pi) observed x[d, i] ~ Normal(m[z[d, i]], var=v)
        observed y[d, i, j] ~ Normal(m[z[d, i]], var=v)""",
        {"x": SENTENCES, "y": VALUES},
    ),
    "means_of_sentences": (
        f"""model M(K = 2) {PLATES} param m[d, i] : real param v[k] : positive
        observed y[d, i, j] ~ Normal(m[d, i], var=v[0]) observed x[d, i] ~ Normal(0, var=v[1])""",
        {"x": SENTENCES, "y": VALUES},
    ),
    "sums_of_sentences": (
        """model M() plate d in D plate i in I[d] plate j in J[d, i] param m : real param v : positive
        given y[d, i, j] : real observed x[d, i] ~ Normal(m * sum(y[d, i, j], j) / J[d, i], var=v)""",
        {"x": SENTENCES, "y": VALUES},
    ),
    "sums_of_sums": (
        """model M() plate d in D plate i in I[d] plate j in J[d, i] param m : real param v : positive
        given y[d, i, j] : real observed x[d] ~ Normal(m * sum(sum(y[d, i, j], j), i), var=v)""",
        {"x": RNG.normal(size=3), "y": VALUES},
    ),
    "one_word_of_each_sentence": (
        """model M() plate d in D plate i in I[d] plate j in J[d, i] given y[d, i, j] : real param m : real
        param v : positive latent a[d, i] ~ Categorical(softmax(y[d, i]))
        observed x[d, i] ~ Normal(m * y[d, i, a[d, i]], var=v)""",
        {"x": SENTENCES, "y": VALUES},
    ),
    "four_levels": (
        """model M(K = 2) plate a in A plate d in D[a] plate i in I[a, d] plate j in J[a, d, i] plate k in K
        param pi : simplex[K] param q[k] : simplex[K] param t[k] : simplex[3] latent g[a] ~ Categorical(pi)
        latent z[a, d, i] ~ Categorical(q[g[a]]) observed w[a, d, i, j] ~ Categorical(t[z[a, d, i]])""",
        {"w": [WORDS[:1], WORDS[1:2], WORDS[2:]]},
    ),
    "groups_of_two_plates": (
        """model M(K = 2) plate d in D, i in 2, k in K plate j in J[d, i] param pi : simplex[K] param t[k] : simplex[3]
        latent z[d, i] ~ Categorical(pi) observed w[d, i, j] ~ Categorical(t[z[d, i]])""",
        {"w": PAIRS},
    ),
    "index_arrays_in_a_row": (
        """model M(C = 2, K = 2) plate d in D, i in I, j in J, c in C, k in K given doc[i] : index[D]
        given sentence[j] : index[I] param rho : simplex[C] param q[c] : simplex[K] param t[c, k] : simplex[3]
        latent g[d] ~ Categorical(rho) latent z[i] ~ Categorical(q[g[doc[i]]])
        observed w[j] ~ Categorical(t[g[doc[sentence[j]]], z[sentence[j]]])""",
        {
            "doc": np.array([0, 0, 1, 2, 2]), "sentence": np.array([0, 0, 1, 2, 2, 2, 3, 4, 4]),
            "w": RNG.integers(3, size=9),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_against_brute_force(name: str) -> None:
    text, data = EXACT[name]
    check_network(text, {}, data, fit=False)


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (TOPICS, "hard"),
        (SERIES, "hard"),
        (TOPICS.replace("simplex[3]", "simplex[3] ~ Dirichlet(2)"), "vb"),
    ],
)
def test_other_methods(text: str, method: str) -> None:
    check_network(text, {}, {"w": WORDS}, method, fit=False)


def test_sums_over_a_ragged_plate() -> None:
    """In the rows of a sweep and in a network, of data and of products with parameters."""
    data = {"y": [np.abs(v) for v in VALUES[0] + VALUES[1]], "s": np.array([3, 1, 2])}
    head = "model M(K = 2) plate d in D, k in K plate j in J[d] given y[d, j] : positive"
    one = "model M() plate d in D plate j in J[d] given y[d, j] : positive param m : positive"
    check_network(f"{one} observed s[d] ~ Poisson(m * sum(y[d, j], j))", {}, data, fit=False)
    mixed = f"{head} param q : simplex[K] param m[k] : positive latent z[d] ~ Categorical(q)"
    check_network(f"{mixed} observed s[d] ~ Poisson(m[z[d]] * sum(y[d, j], j))", {}, data, fit=False)
    deep = f"{mixed} plate l in 2 param p[k] : simplex[K] latent u[d, l] ~ Categorical(p[z[d]])"
    counts = {"y": data["y"], "s": np.array([[3, 1], [0, 2], [1, 1]])}
    check_network(f"{deep} observed s[d, l] ~ Poisson(m[u[d, l]] * sum(y[d, j], j))", {}, counts, fit=False)


def test_a_plate_beside_a_ragged_one() -> None:
    """`w[d, i, j]` with i beside j is the same as i within d and j within both."""
    head = "model M(K = 2) plate d in D, i in 2, k in K plate j in J[{}] param pi : simplex[K] param t[k] : simplex[3]"
    rest = "latent z[d, i] ~ Categorical(pi) observed w[d, i, j] ~ Categorical(t[z[d, i]])"
    words = [RNG.integers(3, size=(2, n)) for n in (3, 1, 2)]
    params = {"pi": np.array([0.3, 0.7]), "t": RNG.dirichlet(np.ones(3), size=2)}
    beside, within = (instance(f"{head.format(group)} {rest}", {}, {"w": words}) for group in ("d", "d, i"))
    found = [compile_model(case.bound, "em").module.e_step(case.data, params) for case in (beside, within)]
    assert_allclose(found[0][1], found[1][1], rtol=1e-12)
    for name, value in found[0][0].items():
        assert_allclose(value, found[1][0][name], rtol=1e-12)


def test_results_are_nested_as_the_data() -> None:
    fit = parse(TOPICS)().fit(w=WORDS, max_iter=5)
    assert np.shape(fit.posterior["g"].probabilities) == (3, 2)
    assert [np.shape(p) for p in fit.posterior["z"].probabilities] == [(2, 2), (1, 2), (2, 2)]
    assert [[len(words) for words in document] for document in fit.sample()["w"]] == LENGTHS
    assert [len(z) for z in fit.predict(w=WORDS[:2])["z"]] == [2, 1]
    series = parse(SERIES)().fit(w=WORDS, max_iter=3)
    assert [[len(states) for states in document] for document in series.posterior["z"].probabilities] == LENGTHS
    assert [[len(states) for states in document] for document in series.predict()["z"]] == LENGTHS
    holes = parse(TOPICS.replace("observed w[d, i, j]", "observed w[d, i, j] missing"))().fit(w=HOLES, max_iter=3)
    filled = holes.impute()["w"]
    assert not any(np.isnan(words).any() for document in filled for words in document)


def test_statistical_results() -> None:
    """Standard errors, scores and each document's likelihood by itself."""
    fit = parse(TOPICS)().fit(w=WORDS, max_iter=5)
    assert_allclose(fit.log_likelihood_by("d").sum(), fit.score(), rtol=1e-10)
    assert "log likelihood" in fit.summary()
