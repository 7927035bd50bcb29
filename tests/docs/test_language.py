"""The tables of docs/language.md: what they call compiled compiles, and what they call E090 is refused with it."""

from __future__ import annotations

import re

import pytest

import emdsl as em
from tests.conftest import REPOSITORY

HEADER = "model M(K = 2)  plate n in N, k in K  "
MIXED = HEADER + "param share : simplex[K]  latent z[n] ~ Categorical(share)  "

#: Of each law: a model whose arguments are unknown, under a finite latent where that makes sense.
COMPILED = {
    "Normal": MIXED + "param m[k] : real  param s[k] : positive  observed x[n] ~ Normal(m[z[n]], sd=s[z[n]])",
    "MvNormal": MIXED + "param m[k] : real[2]  param S : cov[2]  observed x[n] ~ MvNormal(m[z[n]], prec=S)",
    "LogNormal": MIXED + "param m[k] : real  param v : positive  observed x[n] ~ LogNormal(m[z[n]], var=v)",
    "Exponential": MIXED + "param r[k] : positive  observed x[n] ~ Exponential(rate=r[z[n]])",
    "Gamma": MIXED + "param r[k] : positive  observed x[n] ~ Gamma(2, rate=r[z[n]])",
    "InvGamma": MIXED + "param r[k] : positive  observed x[n] ~ InvGamma(3, scale=r[z[n]])",
    "Weibull": MIXED + "param r[k] : positive  observed x[n] ~ Weibull(2, scale=r[z[n]])",
    "Bernoulli": MIXED + "param p[k] : unit  observed x[n] ~ Bernoulli(p[z[n]])",
    "Binomial": MIXED + "given t[n] : count  param p[k] : unit  observed x[n] ~ Binomial(t[n], p[z[n]])",
    "Geometric": MIXED + "param p[k] : unit  observed x[n] ~ Geometric(p[z[n]])",
    "Categorical": MIXED + "param p[k] : simplex[3]  observed x[n] ~ Categorical(p[z[n]])",
    "Multinomial": MIXED + "given t[n] : count  param p[k] : simplex[V]  observed x[n] ~ Multinomial(t[n], p[z[n]])",
    "Poisson": MIXED + "given e[n] : positive  param r[k] : positive  observed x[n] ~ Poisson(r[z[n]] * e[n])",
    "Beta": HEADER + "param p : unit ~ Beta(2, 3)  observed x[n] ~ Bernoulli(p)",
    "Dirichlet": HEADER + "param p : simplex[3] ~ Dirichlet(2)  observed x[n] ~ Categorical(p)",
    "Wishart": HEADER + "param L : cov[2] ~ Wishart(4, scale=eye(2))  observed x[n] ~ MvNormal(0, prec=L)",
    "InvWishart": HEADER + "param S : cov[2] ~ InvWishart(5, scale=eye(2))  observed x[n] ~ MvNormal(0, cov=S)",
    "NegBinomial": HEADER + "param m : positive  observed x[n] ~ NegBinomial(m, size=2)",
    "PointMass": HEADER
    + "param q : unit  param r : positive  latent s[n] ~ Bernoulli(q)  "
    + "observed x[n] ~ switch(s[n], Poisson(r), PointMass(0))",
}
#: Models of rows that say E090, by a word of the row.
REFUSED = {
    "`Weibull(shape": HEADER + "param a : positive  observed x[n] ~ Weibull(a, scale=1)",
    "`Beta(a, b)`": HEADER + "param a : positive  observed x[n] ~ Beta(a, 1)",
    "`Laplace`": HEADER + "param m : real  observed x[n] ~ Laplace(m, scale=1)",
    "`VonMises`": HEADER + "param m : real  observed x[n] ~ VonMises(m, concentration=1)",
    "`Categorical(logits=)`": HEADER + "param b : real[3]  observed x[n] ~ Categorical(logits=b)",
    "`truncated(lo": HEADER + "param m : real  observed x[n] ~ Normal(m, sd=1) truncated(0, inf)",
    "`censored(lo": HEADER + "param m : real  observed x[n] ~ Normal(m, sd=1) censored(0, inf)",
    "conjugate priors": HEADER + "param r : positive ~ LogNormal(0, sd=1)  observed x[n] ~ Poisson(r)",
    "conjugate ones": HEADER + "latent u[n] ~ LogNormal(0, sd=1)  observed x[n] ~ Poisson(u[n])",
}
ROWS = [
    line for line in (REPOSITORY / "docs" / "language.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "
]


def rows_with(word: str) -> list[str]:
    return [row for row in ROWS if word in row]


def refused(row: str) -> bool:
    """Whether a row speaks of a refusal: by the code, or by what alone is compiled."""
    return re.search(r"E090|with a? ?known", row) is not None


@pytest.mark.parametrize("law", COMPILED)
def test_laws_that_are_compiled(law: str) -> None:
    rows = [row for row in ROWS if re.match(rf"\| (`[^|]*`, )?`{law}\(", row) and "logit" not in row]
    assert len(rows) == 1 and "E090" not in rows[0]
    em.parse(COMPILED[law])().source()


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_refused(word: str) -> None:
    assert any(refused(row) for row in rows_with(word)), word
    with pytest.raises(em.ModelError) as caught:
        em.parse(REFUSED[word])().source()
    assert caught.value.code == "E090"


def test_every_law_has_its_row() -> None:
    """All laws of the language are in the table, those that are refused among them."""
    for name in em._DISTRIBUTIONS:
        assert any(re.search(rf"`{name}[`(]", row) for row in ROWS), name
