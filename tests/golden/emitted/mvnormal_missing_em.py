"""MvNormalMissing, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

PARAMETERS = ("m", "Sigma")
SUPPORTS = {"m": "real", "Sigma": "cov"}
UPDATES = (("m", ("m",)), ("Sigma", ("Sigma",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("n",)
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    D = data["x"].shape[1]
    params = {"m": np.broadcast_to(mean_seen(data["x"], axis=0), (D,)), "Sigma": np.eye(D)}
    start = {"x~": projected(sweep_x_centred(data, params), rng, [slice(0, D)])}
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_x_centred(data, params, start=None):
    """Features and natural parameters of the rows of `x̃`: T = (1)."""
    x = data["x"]
    m = params["m"]
    Sigma = params["Sigma"]
    D = params["m"].shape[0]
    N = data["x"].shape[0]
    inverse_Sigma = inverse(Sigma)
    # coefficient of x~_d x~_e
    natural_x_x_de = -0.5 * inverse_Sigma
    naturals_of_x_centred = np.zeros((D + D * D, 1))
    naturals_of_x_centred[D:D + D * D, 0] = np.reshape(natural_x_x_de, (D * D,))

    def expect(natural, rows, hard=False):
        # entries that are known
        values = np.full((1, natural.shape[1], D), np.nan)
        values[:, :, 0:D] = x[rows] - m
        return gaussian_rows(
            natural,
            1,
            False,
            [(slice(0, D), slice(0, D))],
            [(slice(D, D + D * D), slice(0, D), slice(0, D))],
            values,
            True,
            hard,
        )

    return (
        write_nothing,
        naturals_of_x_centred[None],
        start.get("x~", expect) if start else expect,
        N,
        1,
        data.get("weights.n"),
    )


def sweep_n(data, params):
    """Features of the rows of the data: T = (1)."""
    N = data["x"].shape[0]
    return (write_nothing, 1, N, 1, data.get("weights.n"))


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    Sigma = params["Sigma"]
    D = params["m"].shape[0]
    sums_sweep_x_centred, log_likelihood = sweep(*sweep_x_centred(data, params, start))
    sums_sweep_x_centred = sums_sweep_x_centred.reshape(-1, sums_sweep_x_centred.shape[-1])
    # x_x_de = Σ x~_d x~_e
    x_x_de = sums_sweep_x_centred[D:D + D * D, 0].reshape(D, D)
    # x_d = Σ x~_d
    x_d = sums_sweep_x_centred[0:D, 0]
    sums_sweep_n = data["sums.n"] if "sums.n" in data else sum_features(*sweep_n(data, params))
    # count = Σ 1
    count = sums_sweep_n[0]
    logdet_Sigma = log_determinant(Sigma)
    # laws without latents, and constants
    constant_part = -0.5 * count * logdet_Sigma - 0.5 * LOG_2PI * count * D
    log_likelihood += float(constant_part)
    return {"x_x_de": x_x_de, "x_d": x_d, "count": count}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    count = statistics["count"]
    x_x_de = statistics["x_x_de"]
    x_d = statistics["x_d"]
    m = params["m"]
    reference_m = m
    # m: maximises x_e m̃_e − ½ count m̃_e m̃_e
    m = reference_m + quotient(x_d, count)
    offset_m = m - reference_m
    # Sigma: maximises −½ count log|Sigma| − ½ x_x_de Sigma⁻¹_de + x_d Sigma⁻¹_de m̃_e − ½ count m̃_d Sigma⁻¹_de
    # m̃_e
    Sigma = covariance(x_x_de - 2 * x_d[:, None] * offset_m + count * offset_m[:, None] * offset_m, count, "Sigma")
    return {"m": m, "Sigma": Sigma}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {**data, "sums.n": sum_features(*sweep_n(data, params))}


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    m = params["m"]
    D = params["m"].shape[0]
    expected_x_centred = expected_rows(*sweep_x_centred(data, params))
    mean_x_centred = expected_x_centred[0:D].reshape(1, D, -1).sum(axis=0).T
    return {"x": {"mean": mean_x_centred + m}}


def estimates(params):
    """The parameters by name."""
    return {"m": params["m"], "Sigma": params["Sigma"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {"m": np.asarray(estimates["m"], dtype=float), "Sigma": np.asarray(estimates["Sigma"], dtype=float)}
