"""Random intercepts, beside statsmodels' MixedLM: a whole fit by maximum likelihood, both to the optimum."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import statsmodels.api as sm

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Intercepts()
plate i in I, g in G
given grp[i] : index[G]
given x[i]   : real
param m     : real
param slope : real
param tau   : positive
param v     : positive
latent b[g] ~ Normal(m, var=tau)
observed y[i] ~ Normal(b[grp[i]] + slope * x[i], var=v)
"""


def contest(rows: int, groups: int) -> Contest:
    """One covariate, one variance of the intercepts."""
    rng = np.random.default_rng(0)
    group, x = rng.integers(groups, size=rows), rng.normal(size=rows)
    group[:groups] = np.arange(groups)
    y = 2.0 + 0.7 * rng.normal(size=groups)[group] + 0.5 * x + rng.normal(size=rows)
    module = emitted(MODEL)
    data = {"grp": group, "x": x, "y": y}
    start = {"m": np.array(y.mean()), "slope": np.array(0.0), "tau": np.array(1.0), "v": np.array(y.var())}

    def ours() -> Arrays:
        params, _ = module.fit(data, start, max_iter=1000, tol=1e-10)
        return params

    design = np.column_stack([np.ones(rows), x])

    def theirs() -> Arrays:
        with warnings.catch_warnings(action="ignore"):
            found = sm.MixedLM(y, design, group).fit(reml=False)
        m, slope = found.fe_params
        variances = {"tau": np.array(float(found.cov_re[0, 0])), "v": np.array(found.scale)}
        return {"m": np.array(m), "slope": np.array(slope), **variances}

    name = f"random intercepts to the optimum, {rows:.0e} rows, {groups:.0e} groups"
    return Contest(name, "statsmodels", ours, theirs, 1e-4)


CONTESTS = (("random-intercepts", partial(contest, 100_000, 10_000)),)
