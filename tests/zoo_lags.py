"""Networks of latents over time: those that reach back further than to the row before, and stationary starts."""

from __future__ import annotations

import numpy as np

from tests.zoo_data import with_given
from tests.zoo_networks_data import Drawn, holed, ragged, series, walk

START = "param start : simplex[K]  param nx : simplex[K]"
CHAIN = "latent z[s, 0] ~ Categorical(start)  latent z[s, t] ~ Categorical(A[z[s, t-1]])"
SHORT = (4, 1, 2, 3)
CLASSES = "param q : simplex[K]  latent g[s] ~ Categorical(q)"
TIMES = np.cumsum([[5.0, 0.3, 1.1, 2.0], [3.0, 1.0, 1.0, 1.0], [0.5, 0.7, 0.2, 0.4], [9.0, 2.5, 0.1, 0.6]], axis=1)
COPIES = {"weights.s": np.array([1.0, 2.0, 0.5, 3.0])}

# fmt: off
LAGS: tuple[tuple[str, Drawn, str], ...] = (
    ("two_lags_ragged", holed(ragged(series(4, 4), SHORT, "y"), "y", (0, 2), (3, 0)), f"""
        model TwoLagsRagged(K = 2)  plate s in S, k in K, l in K  time t in T[s]  {START}
        param next[k] : simplex[K]  param A[k, l] : simplex[K]  param rate[k] : positive
        latent z[s, 0] ~ Categorical(start)  latent z[s, 1] ~ Categorical(next[z[s, 0]])
        latent z[s, t] ~ Categorical(A[z[s, t-1], z[s, t-2]])  observed y[s, t] missing ~ Poisson(rate[z[s, t]])
    """.replace("param nx : simplex[K]", "")),
    ("lags_one_and_three", ragged(series(4, 5), (5, 1, 2, 3), "y"), f"""
        model LagsOneAndThree(K = 2)  plate s in S, k in K, l in K  time t in T[s]  {START}
        param next[k] : simplex[K]  param A[k, l] : simplex[K]  param rate[k] : positive
        latent z[s, 0] ~ Categorical(start)  latent z[s, 1] ~ Categorical(next[z[s, 0]])
        latent z[s, 2] ~ Categorical(nx)  latent z[s, t] ~ Categorical(A[z[s, t-1], z[s, t-3]])
        observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    # a lag of one beside a law of its own at 1 was taken for the general law there
    ("start_of_two", ragged(series(4, 4), SHORT, "y"), f"""
        model StartOfTwo(K = 2)  plate s in S, k in K  time t in T[s]  {START}  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 1] ~ Categorical(nx)  {CHAIN}
        observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    ("emission_of_three", ragged(series(4, 4), SHORT, "y"), f"""
        model EmissionOfThree(K = 2)  plate s in S, k in K, l in K, m in K  time t in T[s]  {START}
        param A[k] : simplex[K]  param rate[k, l, m] : positive  param r[k, l] : positive  {CHAIN}
        observed y[s, 0] ~ Poisson(5)  observed y[s, 1] ~ Poisson(r[z[s, 1], z[s, 0]])
        observed y[s, t] ~ Poisson(rate[z[s, t], z[s, t-1], z[s, t-2]])
    """.replace("param nx : simplex[K]", "")),
    ("delayed_emission", ragged(series(4, 4), SHORT, "y"), f"""
        model DelayedEmission(K = 2)  plate s in S, k in K, l in 2  time t in T[s]  {START}  param A[k] : simplex[K]
        param rate[k, l] : positive  {CHAIN}  latent w[s, t] ~ Categorical(nx)  observed y[s, 0] ~ Poisson(5)
        observed y[s, 1] ~ Poisson(6)  observed y[s, t] ~ Poisson(rate[z[s, t-2], w[s, t]])
    """),
    ("stationary_start", ragged(series(4, 4), SHORT, "y"), """
        model StationaryStart(K = 2)  plate s in S, k in K  time t in T[s]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ Categorical(stationary(A))
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    ("stationary_start_held", ragged(series(4, 4), SHORT, "y"), """
        model StationaryStartHeld(K = 3)  plate s in S, k in K  time t in T[s]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ Categorical(stationary(A))  fix A[0, 2] = 0  fix A[1, 0] = 0.3
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    # the first state is left for ever, so that no series starts there
    ("stationary_start_left", ragged(series(4, 4), SHORT, "y"), """
        model StationaryStartLeft(K = 3)  plate s in S, k in K  time t in T[s]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ Categorical(stationary(A))  fix A[1, 0] = 0  fix A[2, 0] = 0
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    ("stationary_start_known", with_given(series(3, 4), A=[[0.8, 0.2], [0.3, 0.7]]), """
        model StationaryStartKnown(K = 2)  plate s in S, k in K  time t in T  given A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ Categorical(stationary(A))
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    ("two_steps_back", holed(walk(3, 5), "y", (0, 0), (0, 3), (2, 4)), """
        model TwoStepsBack()  plate s in S  time t in T  param a : real  param b : real  param r : positive
        latent x[s, 0] ~ Normal(0, var=4)  latent x[s, 1] ~ Normal(x[s, 0], var=1)
        latent x[s, t] ~ Normal(a * x[s, t-1] + b * x[s, t-2], var=1)
        observed y[s, t] missing ~ Normal(x[s, t], var=r)
    """),
    ("straight_lines", ragged(walk(4, 4), SHORT, "y"), """
        model StraightLines()  plate s in S  time t in T[s]  param q : positive  param r : positive
        latent x[s, 0] ~ Normal(0, var=4)  latent x[s, 1] ~ Normal(x[s, 0], var=2)
        latent x[s, t] ~ Normal(2 * x[s, t-1] - x[s, t-2], var=q)  observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    ("known_start_of_two", ragged(walk(4, 4), SHORT, "y"), """
        model KnownStartOfTwo()  plate s in S  time t in T[s]  param a : real  param b : real  param r : positive
        latent x[s, 0] : real ~ PointMass(1)  latent x[s, 1] ~ Normal(a * x[s, 0], var=2)
        latent x[s, t] ~ Normal(a * x[s, t-1] + b * x[s, t-2], var=1)  observed y[s, 0] ~ Normal(x[s, 0], var=r)
        observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    # a function of times has no value where the series has no earlier one
    ("irregular_times", ragged(with_given(walk(4, 4), w=TIMES), SHORT, "y", "w"), """
        model IrregularTimes()  plate s in S  time t in T[s]  given w[s, t] : real  param q : positive
        param r : positive  param m : real  latent x[s, 0] ~ Normal(m, var=1)
        let gap[s, t] = w[s, t] - w[s, t-1]
        latent x[s, t] ~ Normal(x[s, t-1] * exp(-0.3 * gap[s, t]), var=q * (1 - exp(-0.6 * gap[s, t])))
        observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    ("irregular_times_two_back", ragged(with_given(walk(4, 4), w=TIMES), SHORT, "y", "w"), """
        model IrregularTimesTwoBack()  plate s in S  time t in T[s]  given w[s, t] : real  param q : positive
        param r : positive  latent x[s, 0] ~ Normal(0, var=4)  latent x[s, 1] ~ Normal(x[s, 0], var=1)
        latent x[s, t] ~ Normal(x[s, t-2], var=q * sqrt(w[s, t] - w[s, t-2]))
        observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    ("echo", ragged(walk(4, 4), SHORT, "y"), """
        model Echo()  plate s in S  time t in T[s]  param b : real  param m : real
        latent x[s, 0] ~ Normal(m, var=4)  latent x[s, t] ~ Normal(x[s, t-1], var=0.5)
        observed y[s, 0] ~ Normal(x[s, 0], var=1)  observed y[s, 1] ~ Normal(x[s, 1], var=1)
        observed y[s, t] ~ Normal(x[s, t] + b * x[s, t-2], var=1)
    """),
    ("delayed_common_walk", walk(3, 4), """
        model DelayedCommonWalk()  plate s in S  time t in T  param q : positive  param r : positive
        latent x[s, 0] ~ Normal(0, var=1)  latent x[s, t] ~ Normal(x[s, t-1], var=q)
        latent w[t] ~ Normal(0, var=2)  observed y[s, 0] ~ Normal(x[s, 0], var=r)
        observed y[s, t] ~ Normal(x[s, t-1] + w[t], var=r)
    """),
    ("two_lags_weighted", with_given(ragged(series(4, 4), SHORT, "y"), **COPIES), """
        model TwoLagsWeighted(K = 2)  plate s in S, k in K, l in K  time t in T[s]  param start : simplex[K]
        param next[k] : simplex[K]  param A[k, l] : simplex[K]  param rate[k] : positive
        latent z[s, 0] ~ Categorical(start)  latent z[s, 1] ~ Categorical(next[z[s, 0]])
        latent z[s, t] ~ Categorical(A[z[s, t-1], z[s, t-2]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    ("echo_weighted", with_given(ragged(walk(4, 4), SHORT, "y"), **COPIES), """
        model EchoWeighted()  plate s in S  time t in T[s]  param b : real  param m : real
        latent x[s, 0] ~ Normal(m, var=4)  latent x[s, t] ~ Normal(x[s, t-1], var=0.5)
        observed y[s, 0] ~ Normal(x[s, 0], var=1)  observed y[s, 1] ~ Normal(x[s, 1], var=1)
        observed y[s, t] ~ Normal(x[s, t] + b * x[s, t-2], var=1)
    """),
    # the class of a series, read at the later row, hid that both states lie further back than that
    ("classes_two_steps_back", ragged(walk(4, 4), SHORT, "y"), f"""
        model ClassesTwoStepsBack(K = 2)  plate s in S, k in K  time t in T[s]  {CLASSES}  param a[k] : real
        param b : real  latent x[s, 0] ~ Normal(0, var=1)  latent x[s, 1] ~ Normal(x[s, 0], var=1)
        latent x[s, t] ~ Normal(a[g[s]] * x[s, t-1] + b * x[s, t-2], var=1)
        observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    ("delayed_by_class", with_given(ragged(series(4, 4), SHORT, "y"), **COPIES), f"""
        model DelayedByClass(K = 2)  plate s in S, k in K, l in K, c in K  time t in T[s]  {CLASSES}
        param start : simplex[K]  param A[k] : simplex[K]  param rate[k, l, c] : positive  {CHAIN}
        observed y[s, 0] ~ Poisson(4)  observed y[s, 1] ~ Poisson(5)
        observed y[s, t] ~ Poisson(rate[z[s, t-1], z[s, t-2], g[s]])
    """),
    # children of a chain that read it two steps back: the state of the chain holds what their messages reach
    ("signal_of_two_steps", ragged(walk(3, 3), (3, 1, 2), "y"), f"""
        model SignalOfTwoSteps(K = 2)  plate s in S, k in K, l in K  time t in T[s]  param start : simplex[K]
        param A[k] : simplex[K]  param m[k, l] : real  {CHAIN}  latent x[s, 0] ~ Normal(0, var=1)
        latent x[s, 1] ~ Normal(m[z[s, 1], z[s, 0]], var=1)  latent x[s, t] ~ Normal(m[z[s, t], z[s, t-2]], var=1)
        observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    ("signal_of_the_row_before", with_given(ragged(walk(4, 3), (3, 1, 2, 2), "y"), **COPIES), """
        model SignalOfTheRowBefore(K = 2)  plate s in S, k in K, l in K  time t in T[s]  param start : simplex[K]
        param next[k] : simplex[K]  param A[k, l] : simplex[K]  param m[k] : real
        latent z[s, 0] ~ Categorical(start)  latent z[s, 1] ~ Categorical(next[z[s, 0]])
        latent z[s, t] ~ Categorical(A[z[s, t-1], z[s, t-2]])  latent x[s, 0] ~ Normal(0, var=1)
        latent x[s, t] ~ Normal(m[z[s, t-1]], var=1)  observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    ("states_two_steps_back", ragged(series(3, 3), (3, 1, 2), "y"), f"""
        model StatesTwoStepsBack(K = 2)  plate s in S, k in K, l in K  time t in T[s]  {START}  param A[k] : simplex[K]
        param B[k, l] : simplex[K]  param rate[k] : positive  {CHAIN}
        latent w[s, 0] ~ Categorical(nx)  latent w[s, 1] ~ Categorical(nx)
        latent w[s, t] ~ Categorical(B[z[s, t], z[s, t-2]])  observed y[s, t] ~ Poisson(rate[w[s, t]])
    """),
    ("states_under_two_chains", ragged(series(3, 3), (3, 1, 2), "y"), f"""
        model StatesUnderTwoChains(K = 2)  plate s in S, k in K, l in K  time t in T[s]  {START}
        param A[k] : simplex[K]  param B[k, l] : simplex[K]  param rate[k] : positive  {CHAIN}
        latent v[s, 0] ~ Categorical(start)  latent v[s, t] ~ Categorical(A[v[s, t-1]])
        latent w[s, 0] ~ Categorical(nx)  latent w[s, 1] ~ Categorical(nx)
        latent w[s, t] ~ Categorical(B[v[s, t], z[s, t-2]])  observed y[s, t] ~ Poisson(rate[w[s, t]])
    """),
    ("first_two_laws", walk(3, 4), f"""
        model FirstTwoLaws(K = 2)  plate s in S, k in K  time t in T  param start : simplex[K]  param nx[k] : simplex[K]
        param A[k] : simplex[K]  param m[k] : real  param v[k] : positive  latent z[s, 1] ~ Categorical(nx[z[s, 0]])
        {CHAIN}  observed y[s, t] ~ Normal(m[z[s, t]], var=v[z[s, t]])
    """),
)
# fmt: on
