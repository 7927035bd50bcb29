"""Missing entries: an empty row counts log 1 and changes nothing; a few holes leave the clusters where they are."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from emdsl.errors import DataError
from tests.numerics.models import DIAGONAL, FULL, MISSING, MISSING_FULL, clusters, emitted, model, monotone

PAIRS = pytest.mark.parametrize("text", [MISSING, MISSING_FULL], ids=["diagonal", "full"])


def _start(text: str) -> dict[str, np.ndarray]:
    spread = {"v": np.array([[1.0, 1.2], [1.4, 1.1]])}
    if "cov[D]" in text:
        spread = {"S": np.array([[[1.0, 0.2], [0.2, 1.2]], [[1.4, -0.1], [-0.1, 1.1]]])}
    return {"pi": np.array([0.4, 0.6]), "mu": np.array([[0.3, -0.2], [4.5, 5.5]]), **spread}


@PAIRS
@pytest.mark.parametrize("method", ["em", "hard"])
def test_an_empty_row_counts_log_one(text: str, method: str) -> None:
    x = clusters(20)
    x[2, 0] = x[11, 1] = np.nan
    empty = np.vstack([x[:7], np.full((3, 2), np.nan), x[7:]])
    (module, data), (_, more) = emitted(text, method, x=x), emitted(text, method, x=empty)
    start = _start(text)
    _, without = module.e_step(data, start)
    _, with_rows = module.e_step(more, start)
    latent_part = 3 * np.log(start["pi"].max()) if method == "hard" else 0.0
    np.testing.assert_allclose(with_rows, without + latent_part, rtol=1e-12)


@PAIRS
def test_empty_rows_leave_the_fit_where_it_is(text: str) -> None:
    """They count for the shares as they are expected to fall, which changes nothing at the optimum."""
    x = clusters(40)
    empty = np.vstack([np.full((2, 2), np.nan), x, np.full((3, 2), np.nan)])
    near, far = (model(text).fit(x=data, init=_start(text), tol=1e-13) for data in (x, empty))
    np.testing.assert_allclose(far.log_likelihood, near.log_likelihood, rtol=1e-10)
    for name, value in near.params.items():
        np.testing.assert_allclose(far.params[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@PAIRS
def test_nothing_missing_is_the_same_model(text: str) -> None:
    x, start = clusters(30), _start(text)
    plain = DIAGONAL if text == MISSING else FULL
    (module, data), (other, same) = emitted(text, x=x), emitted(plain, x=x)
    found, expected = module.e_step(data, start), other.e_step(same, start)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)
    one, two = module.m_step(found[0], start), other.m_step(expected[0], start)
    for name in start:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-10, err_msg=name)


@PAIRS
@pytest.mark.parametrize("method", ["em", "hard"])
def test_starts_separate_the_clusters_in_spite_of_holes(text: str, method: str) -> None:
    """A start that is the same for all components is a fixed point of EM, and no optimum."""
    x = clusters(60)
    x[3, 0] = x[40, 1] = np.nan
    fit = model(text).fit(x=x, method=method, n_init=3)
    assert monotone(fit.history)
    means = np.sort(fit.params["mu"], axis=0)
    np.testing.assert_allclose(means, [np.nanmean(x[:30], axis=0), np.nanmean(x[30:], axis=0)], atol=0.3)


def test_a_column_missing_altogether_is_refused_or_stays_finite() -> None:
    from emdsl.errors import Error

    x = clusters(30)
    x[:, 1] = np.nan
    try:
        fit = model(MISSING).fit(x=x, n_init=2)
    except Error as error:
        assert "`x`" in str(error) or "`v`" in str(error) or "`mu`" in str(error)
    else:
        assert all(np.isfinite(value).all() for value in fit.params.values())


RNG = np.random.default_rng(3)
WHOLE = {
    "counts": ("param p[k] : simplex[3]", "Multinomial(6, p[z[n]])", RNG.multinomial(6, [0.2, 0.3, 0.5], size=12)),
    "shares": ("given c[k] : positive[3]", "Dirichlet(c[z[n]])", RNG.dirichlet([2.0, 3.0, 4.0], size=12)),
    "heavy tails": (
        "param m[k] : real[3] param S : cov[3]", "MvStudentT(4, m[z[n]], scatter=S)", RNG.standard_t(4, size=(12, 3))
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_vectors_are_missing_whole_where_their_law_couples_the_entries(kind: str) -> None:
    """A fit to them is the fit without these rows, which have the prior shares as their posterior."""
    unknown, law, seen = WHOLE[kind]
    text = f"model M(K = 2) plate n in N, k in K param w : simplex[K] {unknown} latent z[n] ~ Categorical(w)"
    declared = em.parse(f"{text} observed y[n] missing ~ {law}")()
    given = {"c": np.array([[1.0, 1.0, 1.0], [2.0, 3.0, 4.0]])} if kind == "shares" else {}
    gone = np.vstack([seen[:5], np.full((2, 3), np.nan), seen[5:], np.full((1, 3), np.nan)])
    without = em.parse(f"{text} observed y[n] ~ {law}")().fit(y=seen, **given, n_init=1, max_iter=4)
    fit = declared.fit(y=gone, **given, init=without.params, max_iter=0)
    np.testing.assert_allclose(fit.log_likelihood, without.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(fit.posterior["z"].probabilities[[5, 6, 14]], np.tile(fit.params["w"], (3, 1)))
    assert not np.isnan(fit.impute()["y"]).any()
    gone[5, 0] = 1.0
    with pytest.raises(DataError, match=r"`y\[5\]` is missing in part"):
        declared.fit(y=gone, **given)
