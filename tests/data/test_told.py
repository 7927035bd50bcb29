"""Data of which nothing is seen: what the rest tells of is fitted, what nothing tells of is refused by name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.errors import DataError

NOTHING = np.full(8, np.nan)
Y = np.random.default_rng(0).normal(size=8)
REGRESSION = """model M()  plate n in N  param m : real  param s : positive  param a : real  param b : real
    param t : positive  observed x[n] missing ~ Normal(m, sd=s)  observed y[n] ~ Normal(a + b * x[n], sd=t)"""

#: Text, data, and the variable and the parameter that the message names.
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "rows": ("plate n in N  param m : real  observed x[n] missing ~ Normal(m, sd=1)", {"x": NOTHING}, "x", "m"),
    "a covariate": (REGRESSION.removeprefix("model M()"), {"x": NOTHING, "y": Y}, "x", "m"),
    "counts": ("plate n in N  param r : positive  observed x[n] missing ~ Poisson(r)", {"x": NOTHING}, "x", "r"),
    "a series": (
        """time t in T  param a : real  observed y[0] missing ~ Normal(0, sd=1)
        observed y[t] missing ~ Normal(a * y[t-1], sd=1)""",
        {"y": NOTHING}, "y", "a",
    ),
    "through a let and a latent": (
        """plate g in G, i in I  given grp[i] : index[G]  param m : real  let c = 2 * m
        latent r[g] ~ Normal(c, sd=1)  observed y[i] missing ~ Normal(r[grp[i]], sd=1)""",
        {"y": NOTHING, "grp": np.arange(8) // 4}, "y", "m",
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["em", "vb"])
@pytest.mark.parametrize("name", REFUSED)
def test_parameters_that_nothing_tells_of_are_refused(name: str, method: str) -> None:
    text, data, variable, parameter = REFUSED[name]
    message = f"`{variable}` has no value at all, and nothing else tells of `{parameter}`; leave `{variable}` out of"
    with pytest.raises(DataError, match=message):
        em.parse(f"model M()  {text}")().fit(data, method=method)


def test_what_the_rest_tells_of_is_fitted() -> None:
    """As the model without it; the mean of nothing is no start, and no warning of numpy either."""
    text = "model M()  plate n in N  param m : real  param s : positive  observed y[n] ~ Normal(m, sd=s)"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = em.parse(f"{text}  observed x[n] missing ~ Normal(m, sd=s)")().fit(x=NOTHING, y=Y)
    alone = em.parse(text)().fit(y=Y)
    assert fit.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-12)
    for name, value in alone.params.items():
        np.testing.assert_allclose(fit.params[name], value, rtol=1e-9)


def test_priors_tell_of_what_is_nowhere_seen() -> None:
    """The mode of the prior; under vb the prior is the posterior."""
    text = "model M()  plate n in N  param m : real ~ Normal(3, sd=2)  observed x[n] missing ~ Normal(m, sd=1)"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mode = em.parse(text)().fit(x=NOTHING)
        law = em.parse(text)().fit(x=NOTHING, method="vb").posterior["m"]
    assert mode.params["m"] == pytest.approx(3.0)
    assert (law.mean, law.var) == (pytest.approx(3.0), pytest.approx(4.0))


def test_parameters_that_are_held_need_no_data() -> None:
    model = em.parse(REGRESSION)()
    init = {"m": 1.0, "s": 2.0, "a": 0.5, "b": 0.8, "t": 0.5}
    fit = model.fit(x=NOTHING, y=Y, init=init, max_iter=0)
    gain = 0.8 * 4.0 / (0.64 * 4.0 + 0.25)  # y ~ N(a + b m, b² s² + t²)
    np.testing.assert_allclose(fit.posterior["x"].mean, 1.0 + gain * (Y - 1.3))


def test_columns_of_fits_have_values_and_new_rows_need_none() -> None:
    """A new row with a missing entry was taken for a column without values."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    model = em.parse("""model M()  plate n in N  param m : real[2]  param S : cov[2]
        observed x[n] missing ~ MvNormal(m, cov=S)""")()
    with pytest.raises(DataError, match=r"`x` has no value at all at \[:, 1\]; leave that column out"):
        model.fit(x=np.column_stack([x[:, 0], np.full(40, np.nan)]))
    fit = model.fit(x=x)
    m, spread = fit.params["m"], fit.params["S"]
    expected = m[1] + spread[0, 1] / spread[0, 0] * (1.8 - m[0])
    np.testing.assert_allclose(fit.impute(x=[[1.8, np.nan]])["x"], [[1.8, expected]])
