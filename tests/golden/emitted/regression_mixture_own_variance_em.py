"""RegressionMixture, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

K = 2
PARAMETERS = ("b", "pi", "v")
SUPPORTS = {"pi": "simplex", "b": "real", "v": "positive"}
UPDATES = (("b", ("b",)), ("pi", ("pi",)), ("v", ("v",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("n", "k")
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    P = data["X"].shape[1]
    params = {"pi": np.full((K,), 1 / K), "b": np.zeros((K, P)), "v": np.ones((K,))}
    start = {
        "z": seeded(
            sweep_z(data, params),
            rng,
            [*range(0, 1), *range(1, 2), *range(2, 2 + P), *range(2 + P, 2 + P + P * (P + 1) // 2)],
            data.get("z"),
        ),
    }
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_z(data, params, start=None):
    """Features and natural parameters of the rows of `z`: T = (1, ỹ ỹ, X_p ỹ, X_p X_p)."""
    X = data["X"]
    y = data["y"]
    pi = params["pi"]
    b = params["b"]
    v = params["v"]
    reference_b = reference_points(params)["b"]
    N = data["X"].shape[0]
    P = data["X"].shape[1]
    log_pi = log_probability(pi)
    log_v = np.log(v)
    # coefficient of [z = k]
    natural_N_k = log_pi - 0.5 * log_v - 0.5 * LOG_2PI
    inverse_v = 1 / v
    # coefficient of [z = k] ỹ ỹ
    natural_y_y_k = -0.5 * inverse_v
    offset_b = b - reference_b
    # coefficient of [z = k] X_p ỹ
    natural_X_y_kp = inverse_v[:, None] * offset_b
    # coefficient of [z = k] X_p X_p
    natural_X_X_kpq = -0.5 * inverse_v[:, None, None] * offset_b[:, :, None] * offset_b[:, None, :]
    naturals_of_z = np.zeros((K, 2 + P + P * (P + 1) // 2))
    naturals_of_z[:, 0] = natural_N_k
    naturals_of_z[:, 1] = natural_y_y_k
    naturals_of_z[:, 2:2 + P] = natural_X_y_kp
    naturals_of_z[:, 2 + P:2 + P + P * (P + 1) // 2] = pairs(natural_X_X_kpq)

    def write(rows, group, out):
        # ỹ: about the reference point
        y_centred = y[rows] - X[rows] @ reference_b[group]
        out[1] = y_centred**2
        out[2:2 + P] = X[rows].T * y_centred
        write_pairs(X[rows].T, out[2 + P:2 + P + P * (P + 1) // 2])

    def expect(logits, rows):
        if "z" in data:
            labelled(logits.reshape((1, K, 1, -1)), data["z"][rows].reshape(-1))
        return softmax(logits)

    return (
        write,
        by_group(naturals_of_z, reference_b),
        start.get("z", expect) if start else expect,
        N,
        1,
        data.get("weights.n"),
    )


def reference_points(params):
    """Points about which the statistics are taken: each state's own, since its predictor varies with the data."""
    b = params["b"]
    return {"b": b}


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    P = data["X"].shape[1]
    sums_sweep_z, log_likelihood = sweep(*sweep_z(data, params, start))
    sums_sweep_z = sums_sweep_z.reshape(-1, sums_sweep_z.shape[-1])
    # N_k = Σ [z = k]
    N_k = sums_sweep_z[:, 0]
    # y_y_k = Σ [z = k] ỹ ỹ
    y_y_k = sums_sweep_z[:, 1]
    # X_y_kp = Σ [z = k] X_p ỹ
    X_y_kp = sums_sweep_z[:, 2:2 + P]
    # X_X_kpq = Σ [z = k] X_p X_p
    X_X_kpq = unpairs(sums_sweep_z[:, 2 + P:2 + P + P * (P + 1) // 2], P)
    return {"N_k": N_k, "y_y_k": y_y_k, "X_y_kp": X_y_kp, "X_X_kpq": X_X_kpq}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    N_k = statistics["N_k"]
    y_y_k = statistics["y_y_k"]
    X_y_kp = statistics["X_y_kp"]
    X_X_kpq = statistics["X_X_kpq"]
    reference_b = reference_points(params)["b"]
    # b: maximises X_y_kp b̃_kp − ½ X_X_kpq b̃_kp b̃_kq
    b = reference_b + solve(X_X_kpq, X_y_kp)
    # pi: maximises N_k log pi_k
    pi = normalised(N_k)
    offset_b = b - reference_b
    # v: maximises −½ N_k log v_k − ½ y_y_k v_k^-1 + X_y_kp v_k^-1 b̃_kp − ½ X_X_kpq v_k^-1 b̃_kp b̃_kq
    v = spread_root(
        y_y_k - 2 * np.einsum("kp,kp->k", X_y_kp, offset_b) + np.einsum("kpq,kp,kq->k", X_X_kpq, offset_b, offset_b),
        N_k,
        1,
        "v",
    )
    return {"pi": pi, "b": b, "v": v}


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
    N = data["X"].shape[0]
    expected_z = expected_rows(*sweep_z(data, params))
    probabilities_z = expected_z[:K].T.reshape(N, K)
    return {"z": {"probabilities": probabilities_z}}


def estimates(params):
    """The parameters by name."""
    return {"pi": params["pi"], "b": params["b"], "v": params["v"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "pi": np.asarray(estimates["pi"], dtype=float),
        "b": np.asarray(estimates["b"], dtype=float),
        "v": np.asarray(estimates["v"], dtype=float),
    }
