"""LatentClassesMissing, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

K = 2
PARAMETERS = ("pi", "p")
SUPPORTS = {"pi": "simplex", "p": "unit"}
UPDATES = (("pi", ("pi",)), ("p", ("p",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("n", "k")
REFUSED_WEIGHTS = {("j",): "rows of `x` are not counted one by one"}


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    J = data["x"].shape[1]
    params = {"pi": np.full((K,), 1 / K), "p": np.full((K, J), 0.5)}
    start = {"z": seeded(sweep_z(data, params), rng, [*range(1 + J, 1 + 2 * J)], data.get("z"))}
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_z(data, params, start=None):
    """Features and natural parameters of the rows of `z`: T = (1, [x_j seen], [x_j seen] x_j)."""
    x = data["x"]
    pi = params["pi"]
    p = params["p"]
    J = params["p"].shape[1]
    N = data["x"].shape[0]
    # coefficient of [z = k]
    natural_N_k = log_probability(pi)
    log1m_p = log_complement(p)
    log_p = log_probability(p)
    # coefficient of [z = k] [x_j seen] x_j
    natural_has_x_x_kj = log_p - log1m_p
    naturals_of_z = np.zeros((K, 1 + 2 * J))
    naturals_of_z[:, 0] = natural_N_k
    naturals_of_z[:, 1:1 + J] = log1m_p
    naturals_of_z[:, 1 + J:1 + 2 * J] = natural_has_x_x_kj

    def write(rows, group, out):
        out[1:1 + J] = observed(x[rows]).T
        out[1 + J:1 + 2 * J] = (observed(x[rows]) * filled(x[rows])).T

    def expect(logits, rows):
        if "z" in data:
            labelled(logits.reshape((1, K, 1, -1)), data["z"][rows].reshape(-1))
        return softmax(logits)

    return (write, by_group(naturals_of_z), start.get("z", expect) if start else expect, N, 1, data.get("weights.n"))


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    J = params["p"].shape[1]
    check_weights(data, REFUSED_WEIGHTS)
    sums_sweep_z, log_likelihood = sweep(*sweep_z(data, params, start))
    sums_sweep_z = sums_sweep_z.reshape(-1, sums_sweep_z.shape[-1])
    # N_k = Σ [z = k]
    N_k = sums_sweep_z[:, 0]
    # has_x_x_kj = Σ [z = k] [x_j seen] x_j
    has_x_x_kj = sums_sweep_z[:, 1 + J:1 + 2 * J]
    # has_x_kj = Σ [z = k] [x_j seen]
    has_x_kj = sums_sweep_z[:, 1:1 + J]
    return {"N_k": N_k, "has_x_x_kj": has_x_x_kj, "has_x_kj": has_x_kj}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    N_k = statistics["N_k"]
    has_x_x_kj = statistics["has_x_x_kj"]
    has_x_kj = statistics["has_x_kj"]
    # pi: maximises N_k log pi_k
    pi = normalised(N_k)
    # p: maximises has_x_x_kj log p_kj + has_x_kj log(1 − p_kj) − has_x_x_kj log(1 − p_kj)
    p = proportion(has_x_x_kj, has_x_kj - has_x_x_kj)
    return {"pi": pi, "p": p}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return dict(data)


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    N = data["x"].shape[0]
    check_weights(data, REFUSED_WEIGHTS)
    expected_z = expected_rows(*sweep_z(data, params))
    probabilities_z = expected_z[:K].T.reshape(N, K)
    return {"z": {"probabilities": probabilities_z}}


def estimates(params):
    """The parameters by name."""
    return {"pi": params["pi"], "p": params["p"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {"pi": np.asarray(estimates["pi"], dtype=float), "p": np.asarray(estimates["p"], dtype=float)}
