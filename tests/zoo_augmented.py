"""Laws that are written with an auxiliary variable: logistic ones, Student's t, negative binomials with exposures.

And positive parameters that enter by several statistics: shapes, sizes and degrees of freedom.
"""

from __future__ import annotations

import numpy as np

from tests.zoo_networks_data import Drawn, holed, walk


def answers(n: int = 9, states: int = 2, trials: int = 4) -> Drawn:
    """A covariate x (n,), trials t (n,), and successes y (n,) whose chance rises or falls in x."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        x, t = rng.normal(size=n), rng.integers(1, trials + 1, n)
        slope = np.where(np.arange(n) < n / states, 1.5, -1.5)
        return {"x": x, "t": t, "y": rng.binomial(t, 1 / (1 + np.exp(-slope * x)))}

    return data


def exposures(n: int = 8, size: float = 3.0) -> Drawn:
    """Exposures e (n,) and overdispersed counts y (n,) of two rates."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        e = rng.uniform(0.5, 2.0, n)
        return {"e": e, "y": rng.poisson(e * np.repeat([1.0, 6.0], n // 2) * rng.gamma(size, 1 / size, n))}

    return data


def heavy_tailed(*shape: int, df: float = 3.0) -> Drawn:
    """Draws of Student's t about two levels, the first axis in halves."""

    def data(rng: np.random.Generator) -> dict[str, np.ndarray]:
        level = np.repeat([0.0, 5.0], shape[0] // 2).reshape(-1, *(1 for _ in shape[1:]))
        return {"y": level + rng.standard_t(df, shape)}

    return data


def binary(*shape: int) -> Drawn:
    """A covariate w and answers y of 0 and 1, both of this shape."""
    return lambda rng: {"w": rng.normal(size=shape), "y": rng.integers(0, 2, shape)}


# fmt: off
AUGMENTED: tuple[tuple[str, Drawn, str], ...] = (
    ("logistic_regressions", answers(),
        """
        model LogisticRegressions(K = 2)  plate n in N, k in K  given x[n] : real  given t[n] : count
        param p : simplex[K]  param a[k] : real  param b[k] : real  latent z[n] ~ Categorical(p)
        observed y[n] ~ Binomial(t[n], logit=a[z[n]] + b[z[n]] * x[n])
    """),
    ("gating_network", lambda rng: {**binary(8)(rng), "y": rng.normal(size=8) + np.repeat([0.0, 4.0], 4)},
        """
        model GatingNetwork()  plate n in N, k in 2  given w[n] : real  param a : real  param b : real
        param m[k] : real  param v : positive  latent z[n] ~ Bernoulli(logit=a + b * w[n])
        observed y[n] ~ Normal(m[z[n]], var=v)
    """),
    ("chain_of_answers", binary(2, 4),
        """
        model ChainOfAnswers(K = 2)  plate s in S, k in K  time t in T  given w[s, t] : real
        param start : simplex[K]  param A[k] : simplex[K]  param a[k] : real ~ Normal(0, sd=1)
        param b : real ~ Normal(0, sd=1)
        latent z[s, 0] ~ Categorical(start)  latent z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Bernoulli(logit=a[z[s, t]] + b * w[s, t])
    """),
    ("moves_by_logit", binary(2, 4),
        """
        model MovesByLogit()  plate s in S, k in 2  time t in T  given w[s, t] : real  param p : unit
        param a[k] : real ~ Normal(0, sd=1)  param b : real ~ Normal(0, sd=1)  param q[k] : unit
        latent z[s, 0] ~ Bernoulli(p)  latent z[s, t] ~ Bernoulli(logit=a[z[s, t-1]] + b * w[s, t])
        observed y[s, t] ~ Bernoulli(q[z[s, t]])
    """),
    ("exposed_negative_binomials", exposures(),
        """
        model ExposedNegativeBinomials(K = 2)  plate n in N, k in K  given e[n] : real  param p : simplex[K]
        param m[k] : positive  latent z[n] ~ Categorical(p)
        observed y[n] ~ NegBinomial(m[z[n]] * e[n], size=2 * e[n])
    """),
    ("mixture_of_students", heavy_tailed(8),
        """
        model MixtureOfStudents(K = 2)  plate n in N, k in K  param p : simplex[K]  param m[k] : real
        param s : positive  latent z[n] ~ Categorical(p)
        observed y[n] ~ StudentT(3, m[z[n]], scale=s)
    """),
    ("cauchy_states", heavy_tailed(2, 4, df=1.0),
        """
        model CauchyStates(K = 2)  plate s in S, k in K  time t in T  param start : simplex[K]  param A[k] : simplex[K]
        param m[k] : real  param v : positive  latent z[s, 0] ~ Categorical(start)
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ StudentT(1, m[z[s, t]], scale=v)
    """),
    ("precisions_of_shape_one", heavy_tailed(8, df=1.0),
        """
        model PrecisionsOfShapeOne()  plate n in N  param m : real  param b : positive
        latent u[n] ~ Gamma(0.5, rate=b)  observed y[n] ~ Normal(m, prec=u[n])
    """),
    ("unknown_sizes", exposures(10, 0.7),
        """
        model UnknownSizes(K = 2)  plate n in N, k in K  given e[n] : real  param p : simplex[K]
        param m[k] : positive  param r : positive  latent z[n] ~ Categorical(p)
        observed y[n] ~ NegBinomial(m[z[n]] * e[n], size=r)
    """),
    ("unknown_degrees", heavy_tailed(12, df=0.8),
        """
        model UnknownDegrees()  plate n in N  param d : positive  param m : real  param s : positive
        observed y[n] ~ StudentT(d, m, scale=s)
    """),
    ("inflated_exposed_counts", exposures(),
        """
        model InflatedExposedCounts()  plate n in N  given e[n] : real  param q : unit  param m : positive
        latent s[n] ~ Bernoulli(q)  observed y[n] ~ switch(s[n], NegBinomial(m * e[n], size=2), PointMass(0))
    """),
    ("counts_by_logit", lambda rng: {"x": rng.normal(size=7), "y": rng.poisson(2.0, 7)},
        """
        model CountsByLogit()  plate n in N  given x[n] : real  param a : real  param b : real
        observed y[n] ~ NegBinomial(exp(a + b * x[n]), size=2)
    """),
    ("student_steps_missing", holed(walk(2, 4), "y", (0, 2), (1, 1)),
        """
        model StudentStepsMissing(K = 2)  plate s in S, k in K  time t in T  param p : simplex[K]  param m[k] : real
        param v : positive  latent z[s] ~ Categorical(p)  observed y[s, 0] ~ Normal(0, sd=2)
        observed y[s, t] missing ~ StudentT(3, m[z[s]], scale=v)
    """),
    ("student_vectors", heavy_tailed(6, 2),
        """
        model StudentVectors()  plate n in N  param m : real[2]  param S : cov[2]
        observed y[n] : real[2] ~ MvStudentT(4, m, scatter=S)
    """),
)
#: With a bound: the auxiliary variable meets a real latent.
AUGMENTED_BOUNDED: tuple[tuple[str, Drawn, str], ...] = (
    ("item_responses", lambda rng: {"y": rng.integers(0, 2, (3, 3))},
        """
        model ItemResponses()  plate i in I, j in J  param b[j] : real  param v : positive
        latent th[i] ~ Normal(0, var=v)  observed y[i, j] ~ Bernoulli(logit=th[i] - b[j])
    """),
)
# fmt: on
