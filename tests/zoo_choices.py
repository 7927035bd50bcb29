"""Networks with sums of products that states of latents choose: the compiler's choices under gates."""

from __future__ import annotations

import numpy as np

from tests.zoo_data import with_given
from tests.zoo_networks_data import Drawn, counted, flips, holed, joined, raters


def positives(n: int) -> Drawn:
    return lambda rng: {"x": rng.uniform(0.5, 2.0, n)}


# fmt: off
CHOICES: tuple[tuple[str, Drawn, str], ...] = (
    ("detection", with_given(flips("y", "w", n=8), D=np.linspace(0.3, 0.9, 8)), """
        model Detection()  plate n in N  given D[n] : unit  param p : unit  param q : unit
        latent z[n] ~ Bernoulli(q)  observed y[n] ~ Bernoulli(p * D[n] * z[n])
        observed w[n] ~ Bernoulli([p/2, p][z[n]])
    """),
    ("leaky_or", lambda rng: {"y": (rng.random((5, 3)) < 0.5).astype(int)}, """
        model LeakyOr()  plate n in N, j in J  param leak[j] : unit  param c[j] : unit  param d[j] : unit
        param q : unit  param r : unit  latent z[n] ~ Bernoulli(q)  latent w[n] ~ Bernoulli(r)
        observed y[n, j] ~ Bernoulli(1 - (1 - leak[j]) * (1 - c[j] * z[n]) * (1 - d[j] * w[n]))
    """),
    ("chained_sums", holed(joined(positives(5), counted("y", 5)), "y", (2,)), """
        model ChainedSums(K = 2)  time t in T  plate k in K  given x[t] : positive  param A[k] : simplex[K]
        param a[k] : positive  param b[k] : positive ~ Gamma(2, rate=1)  param start : simplex[K]
        latent z[0] ~ Categorical(start)  latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] missing ~ Poisson(a[z[t]] + b[z[t]] * x[t])
    """),
    # a choice of each state, and none of rows: its share was read as if it were data
    ("chained_shares", flips("y", n=6), """
        model ChainedShares(K = 2)  time t in T  plate k in K  param A[k] : simplex[K]  param h[k] : unit
        param g[k] : unit  latent z[0] ~ Categorical([0.7, 0.3])  latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] ~ Bernoulli(1 - (1 - h[z[t]]) * (1 - g[z[t]]))
    """),
    ("two_sources", with_given(counted("y", 6), **{"weights.n": np.array([1.0, 2.0, 0.5, 1.0, 1.0, 3.0])}), """
        model TwoSources()  plate n in N, k in 2  param a[k] : positive  param b[k] : positive
        param q : simplex[2]  param r : simplex[2]  latent z[n] ~ Categorical(q)  latent u[n] ~ Categorical(r)
        observed y[n] ~ Poisson(a[z[n]] + b[u[n]])
    """),
    ("guessing", raters, """
        model Guessing()  plate i in I, j in 3, n in N  given item[n] : index[I]  given rater[n] : index[3]
        param able[j] : unit  param guess[j] : unit  param q : unit  latent z[i] ~ Bernoulli(q)
        observed y[n] ~ Bernoulli(guess[rater[n]] + (1 - guess[rater[n]]) * able[rater[n]] * z[item[n]])
    """),
)
# fmt: on
