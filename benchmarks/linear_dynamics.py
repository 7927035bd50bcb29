"""A linear dynamical system, beside dynamax (compiled, in double precision) and pykalman: one EM iteration."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Dynamics(K = 2)
time t in T
param F  : real[K, K]
param Q  : cov[K]
param H  : real[D, K]
param R  : cov[D]
latent x[0] ~ MvNormal(0, cov=eye(K))
latent x[t] ~ MvNormal(F @ x[t-1], cov=Q)
observed y[t] ~ MvNormal(H @ x[t], cov=R)
"""


def contest(peer: str, length: int, k: int, d: int) -> Contest:
    """One series, k states, d outputs; the law of the first state is fixed."""
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(k, k)))
    truth, outputs = 0.95 * turn, rng.normal(size=(d, k))
    steps, x = rng.normal(size=(length, k)), np.zeros((length, k))
    for t in range(1, length):
        x[t] = truth @ x[t - 1] + steps[t]
    y = x @ outputs.T + 0.5 * rng.normal(size=(length, d))
    start = {
        "F": 0.8 * truth, "Q": np.eye(k) + 0.1,
        "H": outputs + 0.1 * rng.normal(size=(d, k)), "R": 0.5 * np.eye(d),
    }  # fmt: skip
    module = emitted(MODEL, K=k)
    prepared = module.prepare({"y": y}, start)

    def ours() -> Arrays:
        statistics, likelihood = module.e_step(prepared, start)
        return {**module.m_step(statistics, start), "log likelihood": np.array(likelihood)}

    theirs = _dynamax(y, start) if peer == "dynamax" else _pykalman(y, start)
    return Contest(f"linear dynamics, T={length:.0e}, {k} states, {d} outputs", peer, ours, theirs)


def _dynamax(y, start):  # type: ignore[no-untyped-def]
    import jax
    from dynamax.linear_gaussian_ssm import LinearGaussianSSM

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    k, d = len(start["F"]), len(start["H"])
    model = LinearGaussianSSM(k, d, has_dynamics_bias=False, has_emissions_bias=False)
    params, properties = model.initialize(
        jax.random.PRNGKey(0), initial_mean=np.zeros(k), initial_covariance=np.eye(k), dynamics_weights=start["F"],
        dynamics_covariance=start["Q"], emission_weights=start["H"], emission_covariance=start["R"],
    )  # fmt: skip
    emissions = jnp.asarray(y)

    @jax.jit
    def iteration(params):  # type: ignore[no-untyped-def]
        statistics, likelihood = model.e_step(params, emissions)
        batch = jax.tree_util.tree_map(lambda a: jnp.asarray(a)[None], statistics)
        return model.m_step(params, properties, batch, None)[0], likelihood

    def theirs() -> Arrays:
        found, likelihood = jax.block_until_ready(iteration(params))
        return {
            "F": np.asarray(found.dynamics.weights), "Q": np.asarray(found.dynamics.cov),
            "H": np.asarray(found.emissions.weights), "R": np.asarray(found.emissions.cov),
            "log likelihood": np.asarray(likelihood),
        }  # fmt: skip

    return theirs


def _pykalman(y, start):  # type: ignore[no-untyped-def]
    from pykalman import KalmanFilter

    updated = ["transition_matrices", "observation_matrices", "transition_covariance", "observation_covariance"]

    def theirs() -> Arrays:
        peer = KalmanFilter(
            start["F"], start["H"], start["Q"], start["R"], np.zeros(len(start["F"])), np.zeros(len(start["H"])),
            np.zeros(len(start["F"])), np.eye(len(start["F"])), em_vars=updated,
        ).em(y, n_iter=1)  # fmt: skip
        return {
            "F": peer.transition_matrices, "Q": peer.transition_covariance,
            "H": peer.observation_matrices, "R": peer.observation_covariance,
        }  # fmt: skip

    return theirs


CONTESTS = (
    ("dynamics-dynamax", partial(contest, "dynamax", 100_000, 4, 4)),
    ("dynamics-pykalman", partial(contest, "pykalman", 10_000, 4, 4)),
)
