"""Networks over time whose plates stand in another order: after the time, before and after it, coupled at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.zoo_networks_data import Drawn, holed, ragged, walk

Data = dict[str, Any]


def turned(draw: Drawn, *names: str) -> Drawn:
    """The data with the first two axes of some variables exchanged."""

    def data(rng: np.random.Generator) -> Data:
        found = draw(rng)
        return {**found, **{name: np.swapaxes(found[name], 0, 1) for name in names}}

    return data


def stacked(rng: np.random.Generator) -> Data:
    """y (s, t, 2), a list of series with two columns."""
    return ragged(lambda rng: {"y": rng.normal(0, 2, (3, 4, 2))}, (3, 1, 2), "y")(rng)


def regressed(rng: np.random.Generator) -> Data:
    """y (t,) with coefficients of x (t, 2) that move."""
    return {"x": rng.normal(size=(5, 2)), "y": rng.normal(size=5).cumsum()}


# fmt: off
ORDERS: tuple[tuple[str, Drawn, str], ...] = (
    ("states_before_plate", stacked, """
        model StatesBeforePlate(K = 2)  plate s in S, j in J, k in K  time t in T[s]  param start : simplex[K]
        param A[j, k] : simplex[K]  param m[k] : real  param v : positive  latent z[s, 0, j] ~ Categorical(start)
        latent z[s, t, j] ~ Categorical(A[j, z[s, t-1, j]])  observed y[s, t, j] ~ Normal(m[z[s, t, j]], var=v)
    """),
    ("levels_before_plate", turned(holed(walk(2, 5), "y", (0, 0), (1, 3), (1, 4)), "y"), """
        model LevelsBeforePlate()  plate j in J  time t in T  param q[j] : positive
        param r : positive  latent b[0, j] : real ~ PointMass(1)  latent b[t, j] ~ Normal(b[t-1, j], var=q[j])
        observed y[t, j] missing ~ Normal(b[t, j], var=r)
    """),
    ("moving_coefficients", regressed, """
        model MovingCoefficients()  plate j in J  time t in T  given x[t, j] : real  param q[j] : positive
        param r : positive  latent b[0, j] ~ Normal(0, var=4)  latent b[t, j] ~ Normal(b[t-1, j], var=q[j])
        observed y[t] ~ Normal(sum(b[t, j] * x[t, j], j), var=r)
    """),
    ("read_before_plate", turned(holed(walk(2, 5), "y", (0, 2), (1, 0)), "y"), """
        model ReadBeforePlate()  plate j in J  time t in T  param c : real  param f[j] : real  param v : positive
        observed y[0, j] missing ~ Normal(c, var=1)  observed y[t, j] missing ~ Normal(c + f[j] * y[t-1, j], var=v)
    """),
    # a row of a pair had its time before its plate
    ("common_drift", walk(2, 4), """
        model CommonDrift()  plate s in S  time t in T  param q : positive  param r : positive
        latent a[0] ~ Normal(0, var=1)  latent a[t] ~ Normal(a[t-1], var=q)  latent b[s, 0] ~ Normal(0, var=4)
        latent b[s, t] ~ Normal(b[s, t-1] + a[t-1], var=1)  observed y[s, t] ~ Normal(b[s, t], var=r)
    """),
)
# fmt: on
