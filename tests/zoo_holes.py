"""Observed variables of which missing entries are read: over time by later ones, within rows by other variables."""

from __future__ import annotations

import numpy as np

from tests.zoo_data import with_given
from tests.zoo_networks_data import Drawn, flips, holed, joined, levels, only, outliers, ragged, series, tracks, walk

COPIES = {"weights.s": np.array([1.0, 2.0, 0.5])}
GROUPS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3])


def covariates(n: int = 10, width: int | None = None) -> Drawn:
    """A covariate u (n,) or (n, width), and v (n,) on a line over its last entry."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        u = 2 + rng.normal(size=(n,) if width is None else (n, width))
        last = u if width is None else u[:, -1]
        return {"u": u, "v": 0.8 * last - 1 + rng.normal(0, 0.5, n)}

    return data


def doses(n: int = 8) -> Drawn:
    """A positive covariate u (n,) of two sizes, and counts y (n,) in proportion to it."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        u = rng.gamma(2, np.repeat([0.5, 4.0], n // 2))
        return {"u": u, "y": rng.poisson(2 * u)}

    return data


# fmt: off
HOLES: tuple[tuple[str, Drawn, str], ...] = (
    ("gaps_in_autoregression",
        with_given(holed(ragged(walk(3, 6), (6, 2, 4), "y"), "y", (0, 1), (0, 3), (0, 4), (1, 0), (2, 3)), **COPIES),
        """
        model GapsInAutoregression()  plate s in S  time t in T[s]  param a : real  param c : real  param v : positive
        observed y[s, 0] ~ Normal(0, var=v)  observed y[s, t] missing ~ Normal(a * y[s, t-1] + c, var=v)
    """),
    # the logarithms of p and of 1 - p cancel, and with them the axis of the states
    ("even_start_of_a_chain", lambda rng: {"y": np.array([0.0, 1, np.nan, 0, 0, 1])}, """
        model EvenStartOfAChain(K = 2)  plate k in K  time t in T  param A[k] : simplex[K]
        observed y[0] ~ Bernoulli(0.5)  observed y[t] missing ~ Categorical(A[y[t-1]])
    """),
    ("gaps_in_two_lags", holed(walk(3, 6), "y", (0, 1), (0, 3), (1, 0), (1, 1), (2, 5)), """
        model GapsInTwoLags()  plate s in S  time t in T  param a : real  param b : real  param v : positive
        observed y[s, 0] ~ Normal(0, var=4)  observed y[s, 1] ~ Normal(y[s, 0], var=4)
        observed y[s, t] missing ~ Normal(a * y[s, t-1] + b * y[s, t-2], var=v)
    """),
    ("gaps_in_vectors", holed(only(tracks, "y"), "y", (0, 1, 0), (0, 2), (1, 0, 2), (2, 3)), """
        model GapsInVectors()  plate s in S  time t in T  param B : real[3, 3]
        param Q : cov[3] ~ InvWishart(6, scale=eye(3))
        observed y[s, 0] ~ MvNormal(0, cov=eye(3))  observed y[s, t] missing ~ MvNormal(B @ y[s, t-1], cov=Q)
    """),
    # the rows of the first step had no precision under the law of the others
    ("vectors_start_apart", holed(only(tracks, "y"), "y", (0, 0, 1), (1, 0), (2, 0, 2), (0, 2, 0), (2, 3)), """
        model VectorsStartApart()  plate s in S  time t in T  param m : real[3]
        param Q : cov[3] ~ InvWishart(6, scale=eye(3))
        observed y[s, 0] missing ~ MvNormal(0, cov=eye(3))  observed y[s, t] missing ~ MvNormal(m, cov=Q)
    """),
    ("gaps_beside_a_state", holed(walk(2, 5), "y", (0, 1), (0, 2), (1, 4)), """
        model GapsBesideAState()  plate s in S  time t in T  param a : real  param c : real  param v : positive
        latent x[s, 0] ~ Normal(0, var=1)  latent x[s, t] ~ Normal(x[s, t-1], var=0.5)
        observed y[s, 0] ~ Normal(0, var=4)  observed y[s, t] missing ~ Normal(a * y[s, t-1] + c * x[s, t], var=v)
    """),
    ("gaps_in_states", holed(ragged(series(3, 6, "categorical", 3, "z"), (6, 2, 4), "z"), "z",
        (0, 1), (0, 3), (0, 4), (1, 0), (2, 3)), """
        model GapsInStates(K = 3)  plate s in S, k in K  time t in T[s]  param start : simplex[K]
        param A[k] : simplex[K]  observed z[s, 0] missing ~ Categorical(start)
        observed z[s, t] missing : index[K] ~ Categorical(A[z[s, t-1]])
    """),
    ("gaps_in_seen_states", holed(joined(series(3, 4, "categorical", 3, "z"), series(3, 4, "normal")), "z",
        (0, 1), (0, 2), (2, 0)), """
        model GapsInSeenStates(K = 3)  plate s in S, k in K  time t in T  param A[k] : simplex[K]  param m[k] : real
        param v : positive  observed z[s, 0] ~ Categorical(stationary(A))
        observed z[s, t] missing ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ Normal(m[z[s, t]], var=v)
    """),
    ("labels_missing", with_given(holed(joined(flips("z"), levels("x")), "z", (0,), (3,), (4,), (9,)),
        **{"weights.n": np.arange(1.0, 13.0) / 4}), """
        model LabelsMissing(K = 2)  plate n in N, k in K  param w : simplex[K]  param m[k] : real  param v : positive
        observed z[n] missing ~ Categorical(w)  observed x[n] ~ Normal(m[z[n]], var=v)
    """),
    ("bits_missing", holed(joined(flips("a", "b"), levels("x")), "b", (0,), (3,), (4,), (9,)), """
        model BitsMissing()  plate n in N, j in 2  param w[j] : unit  param b0 : real  param b1 : real
        param v : positive  observed a[n] missing ~ Bernoulli(0.4)  observed b[n] missing ~ Bernoulli(w[a[n]])
        observed x[n] ~ Normal(b0 + b1 * b[n], var=v)
    """),
    # given states of what meets others in pairs only were left out
    ("inner_labels_missing", holed(holed(joined(flips("a", "b", "c"), levels("x")), "b", (0,), (3,)), "c", (3,)), """
        model InnerLabelsMissing(K = 2)  plate n in N, k in K  param p : simplex[K]  param P[k] : simplex[K]
        param m[k] : real  param v : positive  observed a[n] missing ~ Categorical(p)
        observed b[n] missing ~ Categorical(P[a[n]])  observed c[n] missing ~ Categorical(P[b[n]])
        observed x[n] ~ Normal(m[c[n]], var=v)
    """),
    ("covariates_missing", holed(holed(covariates(), "u", (0,), (3,), (4,)), "v", (3,), (9,)), """
        model CovariatesMissing()  plate n in N  param m : real  param a : positive  param b : real  param c : real
        param s : positive  let mean[n] = b * u[n] + c
        observed u[n] missing ~ Normal(m, sd=a)  observed v[n] missing ~ Normal(mean[n], sd=s)
    """),
    ("doses_missing", with_given(holed(doses(), "u", (0,), (5,)), **{"weights.n": np.arange(1.0, 9.0) / 4}), """
        model DosesMissing()  plate n in N  param r : positive  param b : positive
        observed u[n] missing ~ Gamma(2, rate=r)  observed y[n] ~ Poisson(b * u[n])
    """),
    ("doses_of_classes_missing", holed(doses(6), "u", (0,), (4,)), """
        model DosesOfClassesMissing(K = 2)  plate n in N, k in K  param w : simplex[K]  param r[k] : positive
        param m : real  latent z[n] ~ Categorical(w)  observed u[n] missing ~ InvGamma(2, scale=r[z[n]])
        observed y[n] ~ Normal(m, var=u[n])
    """),
    ("covariate_vectors_missing", holed(covariates(width=2), "u", (0,), (3, 1), (4, 0)), """
        model CovariateVectorsMissing()  plate n in N  param m : real[2]  param S : cov[2]  param b : real[2]
        param s : positive  observed u[n] missing ~ MvNormal(m, cov=S)  observed v[n] ~ Normal(b @ u[n], sd=s)
    """),
    # the given entries of a vector on no plate were taken for those of its rows
    ("coefficients_missing", with_given(holed(only(outliers, "X", "y"), "y", (3,)), w=np.array([np.nan, 0.4])), """
        model CoefficientsMissing()  plate n in N  given X[n] : real[P]  param v : positive  param q : positive
        observed w missing : real[P] ~ MvNormal(0, cov=q*eye(P))  observed y[n] missing ~ Normal(X[n] @ w, var=v)
    """),
    ("group_values_missing", with_given(holed(joined(levels("u", n=4, gap=1.0), levels("v")), "u", (1,), (3,)),
        g=GROUPS), """
        model GroupValuesMissing()  plate i in I, j in G  given g[i] : index[G]  param m : real  param b : real
        param s : positive  observed u[j] missing ~ Normal(m, var=1)  observed v[i] ~ Normal(b * u[g[i]], sd=s)
    """),
    ("group_labels_missing", with_given(holed(joined(flips("z", n=4), levels("v")), "z", (1,), (3,)), g=GROUPS), """
        model GroupLabelsMissing(K = 2)  plate i in I, j in G, k in K  given g[i] : index[G]  param w : simplex[K]
        param m[k] : real  param s : positive  observed z[j] missing ~ Categorical(w)
        observed v[i] ~ Normal(m[z[g[i]]], sd=s)
    """),
    ("successes_missing",
        holed(lambda rng: {"x": rng.binomial(3, 0.4, 7), "y": rng.normal(size=7)}, "x", (0,), (3,), (6,)),
        """
        model SuccessesMissing()  plate n in N  param p : unit  param a : real  param b : real  param v : positive
        observed x[n] missing ~ Binomial(3, p)  observed y[n] ~ Normal(a + b * x[n], var=v)
    """),
    ("dose_vectors_missing",
        holed(lambda rng: {"u": rng.gamma(2.0, 1.0, (6, 2)), "y": rng.poisson(3.0, 6)}, "u", (0, 0), (2, 1), (3, 0)),
        """
        model DoseVectorsMissing(K = 2)  plate n in N, k in K  param p : simplex[K]  param r[k] : positive
        param a : positive  latent z[n] ~ Categorical(p)
        observed u[n] missing : positive[2] ~ Gamma(2, rate=r[z[n]])  observed y[n] ~ Poisson(a * u[n][0])
    """),
)

#: Missing entries that are independent of unknowns of another kind under q, so that there is a bound only.
BOUNDED: tuple[tuple[str, Drawn, str], ...] = (
    # one state could fit the one value that follows a seen one exactly
    ("gaps_under_states",
        with_given(holed(ragged(walk(3, 4), (4, 2, 3), "y"), "y", (0, 1), (0, 2), (1, 0), (2, 2)), **COPIES), """
        model GapsUnderStates(K = 2)  plate s in S, k in K  time t in T[s]  param A[k] : simplex[K]  param a[k] : real
        param c[k] : real  param v[k] : positive ~ InvGamma(2, scale=1)  latent z[s, 0] ~ Categorical([0.5, 0.5])
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, 0] ~ Normal(0, var=4)
        observed y[s, t] missing ~ Normal(a[z[s, t]] * y[s, t-1] + c[z[s, t]], var=v[z[s, t]])
    """),
    ("gaps_under_precisions", holed(walk(2, 3), "y", (0, 1), (1, 0)), """
        model GapsUnderPrecisions()  plate s in S  time t in T  param a : real  param b : positive
        latent u[s] ~ Gamma(2, rate=b)  observed y[s, 0] ~ Normal(0, var=4)
        observed y[s, t] missing ~ Normal(a * y[s, t-1], prec=u[s])
    """),
)
# fmt: on
