"""Well-formed models pass, with the types that the contract gives to each variable.

Every feature of docs/language.md stands in one of these models.
"""

from __future__ import annotations

import pytest

from emdsl.language.text import parse
from emdsl.model.check import bind, check
from emdsl.model.spelling import type_text

#: name of the case: the model, then the types of its latent, observed and let variables.
MODELS: dict[str, tuple[str, dict[str, str]]] = {
    "contract": (
        """
        model PoissonHMM(K = 2)
        plate s in S, k in K
        time  t in T[s]
        param  start   : simplex[K]
        param  A[k]    : simplex[K]
        param  rate[k] : positive
        latent   z[s, 0] ~ Categorical(start)
        latent   z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Poisson(rate[z[s, t]])
        """,
        {"z": "index[K]", "y": "count"},
    ),
    "full covariance": (
        """
        model Mixture(K = 3)
        plate n in N, k in K
        param pi : simplex[K]
        param mu[k] : real[D]
        param Sigma[k] : cov[D]
        latent z[n] ~ Categorical(pi)
        observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
        """,
        {"z": "index[K]", "x": "real[D]"},
    ),
    "priors, tied covariance": (
        """
        model Bayes(K = 3, alpha = 0.1, S0 = 10, D = 2)
        plate n in N, k in K
        param pi : simplex[K] ~ Dirichlet(alpha)
        param mu[k] : real[D] ~ MvNormal(0, cov=S0)
        param Sigma : cov[D] ~ InvWishart(D + 2, scale=eye(D))
        latent z[n] ~ Categorical(pi)
        observed x[n] missing ~ MvNormal(mu[z[n]], cov=Sigma)
        order mu by k
        factorise q(z) q(pi, mu) q(Sigma)
        """,
        {"z": "index[K]", "x": "real[D]"},
    ),
    "diagonal by plates, missing": (
        """
        model Diagonal(K = 3)
        plate n in N, k in K, d in D
        param pi : simplex[K]
        param mu[k, d] : real
        param v[k, d] : positive
        latent z[n] ~ Categorical(pi)
        observed x[n, d] missing ~ Normal(mu[z[n], d], var=v[z[n], d])
        """,
        {"z": "index[K]", "x": "real"},
    ),
    "event axes indexed after plates": (
        """
        model Spherical(K = 3)
        plate n in N, k in K, d in D
        param pi : simplex[K]
        param mu[k] : real[D]
        param v[k] : positive
        latent z[n] ~ Categorical(pi)
        observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n]])
        """,
        {"x": "real"},
    ),
    "scalar law on vectors": (
        """
        model Entrywise(K = 2)
        plate n in N, k in K
        param pi : simplex[K]
        param mu[k] : real[D] ~ Normal(0, sd=10)
        param v : positive[D] ~ InvGamma(2, scale=1)
        latent z[n] ~ Categorical(pi)
        observed x[n] : real[D] ~ Normal(mu[z[n]], var=v)
        """,
        {"x": "real[D]"},
    ),
    "topics": (
        """
        model Topics(K = 10, alpha = 0.1, eta = 0.01)
        plate d in D, k in K
        plate i in Words[d]
        param theta[d] : simplex[K] ~ Dirichlet(alpha)
        param phi[k] : simplex[V] ~ Dirichlet(eta)
        latent z[d, i] ~ Categorical(theta[d])
        observed w[d, i] ~ Categorical(phi[z[d, i]])
        """,
        {"z": "index[K]", "w": "index[V]"},
    ),
    "topics by an index array": (
        """
        model Tokens(K = 10)
        plate d in D, k in K, i in I
        given doc[i] : index[D]
        param theta[d] : simplex[K]
        param phi[k] : simplex[V]
        latent z[i] ~ Categorical(theta[doc[i]])
        observed w[i] ~ Categorical(phi[z[i]])
        """,
        {"z": "index[K]", "w": "index[V]"},
    ),
    "annotators": (
        """
        model Annotators(K = 3)
        plate i in I, j in J, k in K, r in R
        given item[r] : index[I]
        given worker[r] : index[J]
        param p : simplex[K]
        param C[j, k] : simplex[K] ~ Dirichlet(ones(K) + eye(K)[0])
        latent truth[i] ~ Categorical(p)
        observed label[r] ~ Categorical(C[worker[r], truth[item[r]]])
        """,
        {"truth": "index[K]", "label": "index[K]"},
    ),
    "factor analysis": (
        """
        model Factors(H = 2)
        plate n in N
        param W : real[D, H]
        param m : real[D]
        param psi : positive[D]
        latent f[n] ~ MvNormal(0, cov=eye(H))
        observed x[n] ~ MvNormal(W @ f[n] + m, cov=diag(psi))
        """,
        {"f": "real[H]", "x": "real[D]"},
    ),
    "annotated latent": (
        """
        model Annotated
        plate n in N, d in D
        param W[d] : real[H]
        param s[d] : positive
        latent f[n] : real[H] ~ MvNormal(0, cov=1)
        observed x[n, d] ~ Normal(W[d] @ f[n], sd=s[d])
        """,
        {"f": "real[H]", "x": "real"},
    ),
    "nested random effects": (
        """
        model School
        plate s in S
        plate c in C[s]
        plate i in I[s, c]
        given X[s, c, i] : real[P]
        param b : real[P]
        param tau : positive param omega : positive param sigma : positive
        latent u[s] ~ Normal(0, sd=tau)
        latent v[s, c] ~ Normal(0, sd=omega)
        let eta[s, c, i] = X[s, c, i] @ b + u[s] + v[s, c]
        observed y[s, c, i] ~ Normal(eta[s, c, i], sd=sigma)
        """,
        {"u": "real", "v": "real", "eta": "real", "y": "real"},
    ),
    "random slopes": (
        """
        model Slopes
        plate g in G, i in I
        given group[i] : index[G]
        given x[i] : real[P]
        param m : real[P]
        param Sigma : cov[P]
        param s : positive
        latent b[g] ~ MvNormal(m, cov=Sigma)
        observed y[i] ~ Normal(x[i] @ b[group[i]], sd=s)
        """,
        {"b": "real[P]", "y": "real"},
    ),
    "blood groups": (
        """
        model Alleles
        plate i in I
        param p : unit
        let q = 1 - p
        latent g[i] ~ Categorical([p*p, 2*p*q, q*q])
        param mu[g2] : real
        plate g2 in 3
        observed x[i] ~ Normal(mu[g[i]], sd=1)
        """,
        {"q": "unit", "g": "index[3]", "x": "real"},
    ),
    "linkage": (
        """
        model Linkage
        param p : unit
        observed y ~ Multinomial(197, [1/2 + p/4, (1-p)/4, (1-p)/4, p/4])
        """,
        {"y": "count[4]"},
    ),
    "numbers as sizes": (
        """
        model Numbers
        plate n in N, k in 3
        param pi : simplex[3]
        param mu[k] : real
        latent z[n] ~ Categorical(pi)
        observed x[n] ~ Normal(mu[z[n]], sd=1)
        fix mu[0] = 0
        """,
        {"z": "index[3]"},
    ),
    "regression with counts": (
        """
        model Counts
        plate n in N
        given X[n] : real[P]
        given exposure[n] : real
        param b : real[P]
        param size : positive
        observed y[n] ~ NegBinomial(exposure[n] * exp(X[n] @ b), size=size)
        """,
        {"y": "count"},
    ),
    "spread given as data": (
        """
        model Schools
        plate j in J
        given se[j] : real
        param mu : real
        param tau : positive
        latent theta[j] ~ Normal(mu, sd=tau)
        observed y[j] ~ Normal(theta[j], sd=se[j])
        """,
        {"y": "real"},
    ),
    "sum of contributions": (
        """
        model Parts(K = 3)
        plate n in N, m in M, k in K
        param a[n, k] : positive ~ Gamma(1, rate=1)
        param b[m, k] : positive ~ Gamma(1, scale=2)
        observed y[n, m] ~ Poisson(sum(a[n, k] * b[m, k], k))
        """,
        {"y": "count"},
    ),
    "censored": (
        """
        model Survival
        plate n in N, m in M
        given lo[n] : real given hi[n] : real
        param shape : positive param scale : positive
        latent y[n] ~ Weibull(shape, scale=scale) censored(lo[n], hi[n])
        observed x[m] ~ Normal(0, sd=scale) censored(-1, inf)
        observed u[m] ~ Poisson(shape) truncated(1, inf)
        """,
        {"y": "positive", "x": "real", "u": "count"},
    ),
    "zero inflation": (
        """
        model Inflated
        plate n in N
        param p : unit param rate : positive
        latent s[n] ~ Bernoulli(p)
        observed y[n] ~ switch(s[n], PointMass(0), Poisson(rate))
        """,
        {"s": "index[2]", "y": "count"},
    ),
    "hurdle": (
        """
        model Hurdle
        plate n in N
        param p : unit param a : positive param b : positive
        latent s[n] ~ Bernoulli(p)
        observed y[n] ~ switch(s[n], PointMass(0), Gamma(a, rate=b))
        """,
        {"y": "real"},
    ),
    "switch among three": (
        """
        model Robust
        plate n in N
        param w : simplex[3] param mu : real param s : positive
        latent z[n] ~ Categorical(w)
        observed y[n] ~ switch(z[n], Normal(mu, sd=s), StudentT(3, mu, scale=s), Laplace(mu, scale=s))
        """,
        {"z": "index[3]", "y": "real"},
    ),
    "new distribution": (
        """
        model Extremes(K = 2)
        plate n in N, k in K
        dist Gumbel(y : real | m : real, b : positive) = -(y-m)/b - exp(-(y-m)/b) - log(b)
        dist Zipf(y : count | a : positive) = -a * log(y + 1) - log(1 + a)
        param pi : simplex[K] param m[k] : real param b[k] : positive
        latent z[n] ~ Categorical(pi)
        observed x[n] ~ Gumbel(m[z[n]], b=b[z[n]])
        observed c[n] ~ Zipf(b[z[n]])
        """,
        {"x": "real", "c": "count"},
    ),
    "second order": (
        """
        model Second
        time t in T
        param a : real param b : real param s : positive
        latent x[0] ~ Normal(0, sd=1)
        latent x[1] ~ Normal(a * x[0], sd=s)
        latent x[t] ~ Normal(a * x[t-1] + b * x[t-2], sd=s)
        observed y[t] ~ Normal(x[t], sd=s)
        """,
        {"x": "real", "y": "real"},
    ),
    "a known start": (
        """
        model Known
        plate s in S
        time t in T
        param q : positive param m[s] : real[2] param a : real
        latent x[s, 0] ~ PointMass(1)
        latent x[s, t] ~ Normal(x[s, t-1], var=q)
        latent u[s, t] ~ Normal(u[s, t-1], var=q)
        latent u[s, 0] ~ PointMass(0)
        latent v[s, 0] ~ PointMass(m[s])
        latent v[s, t] ~ Normal(a * v[s, t-1], var=q)
        observed y[s, t] ~ Normal(x[s, t] + u[s, t] + v[s, t, 0], sd=1)
        """,
        {"x": "real", "u": "real", "v": "real[2]", "y": "real"},
    ),
    "a known first state": (
        """
        model Left(K = 2)
        time t in T
        plate k in K
        param A[k] : simplex[K] param rate[k] : positive
        latent z[0] ~ PointMass(0)
        latent z[t] ~ Categorical(A[z[t-1]])
        latent w[t] ~ Categorical(A[w[t-1]])
        latent w[0] ~ PointMass(1)
        observed y[t] ~ Poisson(rate[z[t]] + rate[w[t]])
        """,
        {"z": "index[K]", "w": "index[K]", "y": "count"},
    ),
    "state space with inputs": (
        """
        model Kalman(H = 2)
        plate s in S
        time t in T[s]
        given u[s, t] : real[P]
        param A : real[H, H] param B : real[H, P] param C : real[D, H] param Q : cov[H] param R : cov[D]
        latent x[s, 0] ~ MvNormal(0, cov=eye(H))
        latent x[s, t] ~ MvNormal(A @ x[s, t-1] + B @ u[s, t-1], cov=Q)
        observed y[s, t] ~ MvNormal(C @ x[s, t], cov=R)
        """,
        {"x": "real[H]", "y": "real[D]"},
    ),
    "switching autoregression": (
        """
        model Regimes(K = 2)
        time t in T
        plate k in K
        param A[k] : simplex[K] param a[k] : real param c[k] : real param s[k] : positive
        latent z[0] ~ Categorical(stationary(A))
        latent z[t] ~ Categorical(A[z[t-1]])
        observed y[0] ~ Normal(c[z[0]], sd=s[z[0]])
        observed y[t] ~ Normal(a[z[t]] * y[t-1] + c[z[t]], sd=s[z[t]])
        fix A[0, 1] = 0
        """,
        {"z": "index[K]", "y": "real"},
    ),
    "coupled at the start": (
        """
        model Coupled
        time t in T
        latent x[0] ~ Normal(y[0], sd=1)
        latent x[t] ~ Normal(x[t-1], sd=1)
        latent y[0] ~ Normal(0, sd=1)
        latent y[t] ~ Normal(x[t] + y[t-1], sd=1)
        observed v[t] ~ Normal(x[t] + y[t], sd=1)
        """,
        {"x": "real", "y": "real"},
    ),
    "ragged size as a number": (
        """
        model Bags
        plate s in S
        plate i in I[s]
        latent pick[s] ~ Categorical(ones(I[s]) / I[s])
        given x[s, i] : real
        observed y[s] ~ Normal(x[s, pick[s]], sd=1)
        """,
        {"pick": "index[I]", "y": "real"},
    ),
    "Bernoulli as index and number": (
        """
        model Skills
        plate i in I, j in J, b in 2
        param slip[b] : unit param p : unit
        param effect : real
        latent know[i] ~ Bernoulli(p)
        observed right[i, j] ~ Bernoulli(slip[know[i]])
        observed time_taken[i, j] ~ LogNormal(effect * know[i], sd=1)
        """,
        {"know": "index[2]", "right": "index[2]", "time_taken": "positive"},
    ),
    "logits": (
        """
        model Choice
        plate n in N, c in C
        given x[n] : real[P]
        param w[c] : real[P]
        param b : real[C]
        observed y[n] ~ Categorical(logits=b)
        observed v[n] ~ Bernoulli(logit=x[n] @ w[0])
        observed m[n] ~ Binomial(10, logit=x[n] @ w[1])
        fix w[0] = 0
        """,
        {"y": "index[C]", "v": "index[2]", "m": "count"},
    ),
    "stacked parameter": (
        """
        model Stacked(K = 4)
        plate n in N, k in K
        param alpha[k] : positive
        param A[k] : simplex[K]
        param t : cov[K] ~ Wishart(K + 1, scale=diag(alpha))
        latent x[n] ~ MvNormal(zeros(K), cov=diag(alpha))
        latent z[n] ~ Categorical(stationary(A))
        observed y[n] ~ Normal(sum(x[n]) + alpha[z[n]], sd=sqrt(sum(alpha[k], k)))
        """,
        {"x": "real[K]", "z": "index[K]"},
    ),
    "normalised by a sum over its own letter": (
        """
        model Shares(K = 3)
        plate n in N, k in K
        param w[k] : positive
        let share[k] = w[k] / sum(w[k], k)
        observed y[n, k] ~ Normal(share[k], sd=1)
        """,
        {"share": "positive"},
    ),
    "circular, robust, multivariate": (
        """
        model Others
        plate n in N
        param mu : real[D] param S : cov[D] param kappa : positive param p : unit
        observed a[n] ~ VonMises(0, concentration=kappa)
        observed x[n] ~ MvStudentT(4, mu, scatter=S)
        observed g[n] ~ Geometric(p)
        observed e[n] ~ Exponential(rate=kappa)
        observed b[n] ~ Beta(kappa, 2)
        observed d[n] ~ Dirichlet([1, 2, 3] * kappa)
        """,
        {"a": "real", "x": "real[D]", "g": "count", "e": "positive", "b": "unit", "d": "simplex[3]"},
    ),
    "truncated prior": (
        """
        model Half
        plate n in N
        param s : positive ~ Normal(0, sd=1) truncated(0, inf)
        param p : unit ~ Normal(0.5, sd=1) truncated(0, 1)
        observed x[n] ~ Normal(p, sd=s)
        """,
        {"x": "real"},
    ),
    "a latent indexes a given table": (
        """
        model Table(K = 3)
        plate n in N, k in K
        given cost[k] : real
        param pi : simplex[K]
        latent z[n] ~ Categorical(pi)
        observed x[n] ~ Normal(cost[z[n]], sd=1)
        """,
        {"x": "real"},
    ),
    "Python's and numpy's words": (
        """
        model Words(K = 2)
        plate n in N, lambda in K
        param def : simplex[K] param np[lambda] : real param L : positive
        latent class[n] ~ Categorical(def)
        observed import[n] ~ Normal(np[class[n]], prec=L)
        """,
        {"class": "index[K]", "import": "real"},
    ),
    "fixed rows and whole variables": (
        """
        model Held(K = 3)
        plate k in K
        time t in T
        param start : simplex[K] param A[k] : simplex[K] param G[k] : real[D] param m : real[D]
        latent z[0] ~ Categorical(start)
        latent z[t] ~ Categorical(A[z[t-1]])
        observed x[t] ~ MvNormal(G[z[t]] + m, cov=eye(D))
        fix start = [1, 0, 0]
        fix A[0, 2] = 0
        fix A[2] = [0, 0, 1]
        fix G[0] = 0
        """,
        {"x": "real[D]"},
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_types_of_well_formed_models(case: str) -> None:
    text, expected = MODELS[case]
    checked = check(parse(text))
    assert set(checked.types) == {variable.name for variable in checked.model.variables}
    assert {name: type_text(checked.types[name]) for name in expected} == expected


@pytest.mark.parametrize("case", MODELS)
def test_bound_with_their_defaults(case: str) -> None:
    checked = check(parse(MODELS[case][0]))
    bound = bind(checked)
    assert bound.checked == checked
    assert bound.constants == {constant.name: constant.default for constant in checked.model.constants}
