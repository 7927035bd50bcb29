"""Latents that entries reach through an index array, and one that all data share: raters, subjects, weights."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

RATERS = """
    model Raters(K = 4)  plate i in I, l in L, w in W, k in K
    given item[l] : index[I]  given rater[l] : index[W]
    param pi : simplex[K]  param confusion[w, k] : simplex[K]
    latent z[i] ~ Categorical(pi)
    observed y[l] ~ Categorical(confusion[rater[l], z[item[l]]])
"""


def test_anaesthetists(case: Cases) -> None:
    truth = case("dawid_skene")
    readings = truth.data("anesthesia") - 1
    votes = np.zeros((45, 4))
    np.add.at(votes, (readings["item"], readings["rating"]), 1.0)
    start = {"z": votes / votes.sum(axis=1, keepdims=True)}
    data = {"item": readings["item"], "rater": readings["rater"], "y": readings["rating"]}
    fit = em.parse(RATERS)().fit(data, init=start, tol=1e-12, max_iter=5000)
    truth.check("ll_from_majority_vote", fit.log_likelihood)
    truth.check("p", fit.params["pi"])
    truth.check("rater1_confusion_rowmajor", fit.params["confusion"][0])
    truth.check("hard_class", np.argmax(fit.posterior["z"].probabilities, axis=-1) + 1)


SUBJECTS = """
    model Subjects()  plate i in I, s in S
    given X[i] : real[P]  given subject[i] : index[S]
    param beta : real[P]  param Sigma : cov[P]  param v : positive
    latent u[s] ~ MvNormal(0, cov=Sigma)
    observed y[i] ~ Normal(X[i] @ beta + X[i] @ u[subject[i]], var=v)
"""


def test_sleep_study(case: Cases) -> None:
    truth = case("lmm_sleepstudy")
    table = truth.data("sleepstudy")
    subject = np.unique(table["Subject"], return_inverse=True)[1]
    design = np.column_stack([np.ones(len(table)), table["Days"]])
    fit = em.parse(SUBJECTS)().fit(X=design, subject=subject, y=table["Reaction"], n_init=1, max_iter=5000, tol=1e-12)
    truth.check("ll_correlated", fit.log_likelihood)
    truth.check("fixef", fit.params["beta"])
    sigma = fit.params["Sigma"]
    truth.check("vcov(int,slope,cov,resid)", [sigma[0, 0], sigma[1, 1], sigma[0, 1], fit.params["v"]])


TABLE = """
    model Table(K = 2)  plate n in N, k in K
    param pi : simplex[K]  param a[k] : simplex[4]  param b[k] : simplex[4]
    latent z[n] ~ Categorical(pi)
    observed hair[n] ~ Categorical(a[z[n]])  observed eye[n] ~ Categorical(b[z[n]])
"""


def test_hair_and_eye(case: Cases) -> None:
    """Counts as weights of the cells; the factors are not identified, the fitted table is."""
    truth = case("plsa_haireye")
    table = truth.data("haireye").groupby(["Hair", "Eye"], sort=False)["Freq"].sum().reset_index()
    hair, eye = (pd_codes(table[column]) for column in ("Hair", "Eye"))
    counts = table["Freq"].to_numpy(dtype=float)
    fit = em.parse(TABLE)().fit(hair=hair, eye=eye, weights={"n": counts}, n_init=20, max_iter=20000, tol=1e-13)
    truth.check("ll_kernel(sum n log p)", fit.log_likelihood)


def pd_codes(column: object) -> np.ndarray:
    """Categories as numbers, in the order of their first occurrence."""
    values = list(column)  # type: ignore[call-overload]
    order = list(dict.fromkeys(values))
    return np.array([order.index(value) for value in values])


EVIDENCE = """
    model Evidence()  plate n in N
    given X[n] : real[P]  param alpha : positive  param beta : positive
    latent w : real[P] ~ Normal(0, prec=alpha)
    observed y[n] ~ Normal(X[n] @ w, prec=beta)
"""
POSTERIORS = """
    model Posteriors()  plate n in N
    given X[n] : real[P]
    param alpha : positive ~ Gamma(0.01, rate=0.01)  param beta : positive ~ Gamma(0.01, rate=0.01)
    param w : real[P] ~ Normal(0, prec=alpha)
    observed y[n] ~ Normal(X[n] @ w, prec=beta)
"""


def test_diabetes(case: Cases) -> None:
    truth = case("blr_evidence_vb")
    table = truth.data("diabetes_sklearn_std").to_numpy()
    data = {"X": table[:, :-1], "y": table[:, -1]}
    fit = em.parse(EVIDENCE)().fit(data, n_init=2, max_iter=5000, tol=1e-13)
    truth.check("log_evidence", fit.log_likelihood)
    truth.check("alpha", fit.params["alpha"])
    truth.check("beta", fit.params["beta"])
    fit = em.parse(POSTERIORS)().fit(data, method="vb", n_init=2, max_iter=5000, tol=1e-13)
    truth.check("vb_elbo", fit.objective)
    truth.check("vb_E_alpha", fit.params["alpha"])
