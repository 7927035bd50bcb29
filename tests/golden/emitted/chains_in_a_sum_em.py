"""ChainsInASum, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

K = 2
PARAMETERS = ("h", "start", "A", "r")
SUPPORTS = {"start": "simplex", "A": "simplex", "h": "real", "r": "positive"}
UPDATES = (("h", ("h",)), ("start", ("start",)), ("A", ("A",)), ("r", ("r",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("s", "k")
SHARED = ("z",)
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {"start": np.full((2, K), 1 / K), "A": np.full((2, K, K), 1 / K), "h": np.zeros((2,)), "r": np.ones(())}
    start = shares_z(data, params, rng)
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_s_t(data, params):
    """Features of the rows of the data: T = (1, y y)."""
    y = data["y"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]

    def write(rows, group, out):
        out[1] = np.reshape(y[rows]**2, -1)

    return (write, 2, S, T, row_weights(data, ("s", "t"), (S, T)))


def shares_z(data, params, rng):
    """Rows shared out among seeds that lie apart in what the data say of them."""
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    return {"z": np.stack([lasting_shares((S, T, K), np.arange(T), rng), lasting_shares((S, T, K), np.arange(T), rng)])}


def fixed_z(data, params):
    """What data alone determine in `infer_z`."""
    y = data["y"]
    S = data["y"].shape[0]
    weights_of_s = plate_weights(data, "s", S)
    y_weights_of_s = y * weights_of_s[:, None]
    return {"weights_of_s": weights_of_s, "y_weights_of_s": y_weights_of_s}


def infer_z(data, params, start=None):
    """Expected statistics, posterior and log likelihood of `z`."""
    fixed = data["fixed.z"] if "fixed.z" in data else fixed_z(data, params)
    weights_of_s = fixed["weights_of_s"]
    y_weights_of_s = fixed["y_weights_of_s"]
    y = data["y"]
    start_probabilities = params["start"]
    A = params["A"]
    h = params["h"]
    r = params["r"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    log_start = log_probability(start_probabilities)
    inverse_r = 1 / r
    # coefficient of [z₀_st = k]
    natural_z0 = added_at(
        inverse_r * h[0] * y[:, :, None] * np.arange(K) - 0.5 * inverse_r * h[0] * h[0] * np.arange(K)**2,
        log_start[0],
        1,
        0,
    )
    # coefficient of [z₁_st = k]
    natural_z1 = added_at(
        inverse_r * h[1] * y[:, :, None] * np.arange(K) - 0.5 * inverse_r * h[1] * h[1] * np.arange(K)**2,
        log_start[1],
        1,
        0,
    )
    log_A = log_probability(A)
    # coefficient of [z₀_st = k] [z₁_st = l]
    natural_z0_z1 = -inverse_r * h[0] * h[1] * np.arange(K)[:, None] * np.arange(K)
    # where the state is given
    labelled_z0 = ruled_out(natural_z0, entry_of(data.get("z"), 0))
    # where the state is given
    labelled_z1 = ruled_out(natural_z1, entry_of(data.get("z"), 1))
    transition_of_z0 = log_A[0]
    transition_of_z1 = log_A[1]
    # log weight of `z₀`, `z₁`
    evidence_of_z0_z1 = natural_z0_z1 + over_joint_states(labelled_z0, labelled_z1)
    messages_of_z0_z1, log_sum_z0_z1 = chain_forward(
        evidence_of_z0_z1.reshape(-1, K * K),
        [transition_of_z0, transition_of_z1],
        np.arange(0, S * T + 1, T),
        by_row=False,
    )
    marginals_of_z0_z1, pairs_of_z0_z1 = chain_backward(messages_of_z0_z1, weights_of_s)
    # p of `z₀`, `z₁`
    probabilities_z0_z1 = marginals_of_z0_z1.reshape(S, T, K, K)
    transitions_of_z0 = pairs_of_z0_z1[0]
    transitions_of_z1 = pairs_of_z0_z1[1]
    if start is not None:
        probabilities_z0_z1 = start["z"][0][:, :, :, None] * start["z"][1][:, :, None, :]
        transitions_of_z0 = np.tensordot(
            lagged(start["z"][0], 1, 1),
            start["z"][0] * at_least(np.arange(T), 1)[:, None] * weights_of_s[:, None, None],
            ((0, 1), (0, 1)),
        )
        transitions_of_z1 = np.tensordot(
            lagged(start["z"][1], 1, 1),
            start["z"][1] * at_least(np.arange(T), 1)[:, None] * weights_of_s[:, None, None],
            ((0, 1), (0, 1)),
        )
    expected_z0 = marginal(probabilities_z0_z1, 2, [0])
    expected_z1 = marginal(probabilities_z0_z1, 2, [1])
    expected_z0_2 = transitions_of_z0.T
    expected_z1_2 = transitions_of_z1.T
    # z_first_ck = Σ E[[z_cs0 = k] w_s]
    z_first_ck = of_entries((2,), weights_of_s @ expected_z0[:, 0], weights_of_s @ expected_z1[:, 0])
    # z_z_lag_kcl = Σ E[[z_cst = k] [z_{c,s,t−1} = l] at_least(t, 1) w_s]
    z_z_lag_kcl = np.einsum("ckl->kcl", of_entries((2,), expected_z0_2, expected_z1_2))
    # z_y_c = Σ E[[z_cst = k] y_st k w_s]
    z_y_c = of_entries(
        (2,),
        np.arange(K) @ np.tensordot(expected_z0, y_weights_of_s, ((0, 1), (0, 1))),
        np.arange(K) @ np.tensordot(expected_z1, y_weights_of_s, ((0, 1), (0, 1))),
    )
    # z_z_cd = Σ E[[z_cst = k] [z_dst = l] k l w_s]
    z_z_cd = of_entries(
        (2, 2),
        np.arange(K)**2 @ (weights_of_s @ expected_z0.sum(axis=1)),
        np.arange(K) @ (np.arange(K) @ np.tensordot(probabilities_z0_z1.sum(axis=1), weights_of_s, (0, 0))),
        np.arange(K) @ (np.tensordot(probabilities_z0_z1.sum(axis=1), weights_of_s, (0, 0)) @ np.arange(K)),
        np.arange(K)**2 @ (weights_of_s @ expected_z1.sum(axis=1)),
    )
    log_partition_of_z = log_sum_z0_z1 @ weights_of_s
    return (
        {"z_first_ck": z_first_ck, "z_z_lag_kcl": z_z_lag_kcl, "z_y_c": z_y_c, "z_z_cd": z_z_cd},
        {"z": {"probabilities": np.stack([expected_z0, expected_z1])}},
        float(log_partition_of_z),
    )


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    r = params["r"]
    sums_sweep_s_t = data["sums.s.t"] if "sums.s.t" in data else sum_features(*sweep_s_t(data, params))
    # count = Σ 1
    count = sums_sweep_s_t[0]
    # y_y = Σ y y
    y_y = sums_sweep_s_t[1]
    with single_threaded_blas():
        expected_infer_z, _, log_likelihood = infer_z(data, params, start)
    log_r = np.log(r)
    inverse_r = 1 / r
    # laws without latents, and constants
    constant_part = -0.5 * count * log_r - 0.5 * LOG_2PI * count - 0.5 * y_y * inverse_r
    log_likelihood += float(constant_part)
    return {"count": count, "y_y": y_y, **expected_infer_z}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    count = statistics["count"]
    y_y = statistics["y_y"]
    z_first_ck = statistics["z_first_ck"]
    z_z_lag_kcl = statistics["z_z_lag_kcl"]
    z_y_c = statistics["z_y_c"]
    z_z_cd = statistics["z_z_cd"]
    # h: maximises z_y_c h_c − ½ z_z_cd h_c h_d
    h = solve(z_z_cd, z_y_c)
    # start: maximises z_first_ck log start_ck
    start_probabilities = normalised(z_first_ck)
    # A: maximises z_z_lag_kcl log A_clk
    A = normalised(np.einsum("kcl->clk", z_z_lag_kcl))
    # r: maximises −½ count log r − ½ y_y r^-1 + z_y_c r^-1 h_c − ½ z_z_cd r^-1 h_c h_d
    r = spread_root(y_y - 2 * (z_y_c @ h) + h @ z_z_cd @ h, count, 1, "r")
    return {"start": start_probabilities, "A": A, "h": h, "r": r}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {**data, "sums.s.t": sum_features(*sweep_s_t(data, params)), "fixed.z": fixed_z(data, params)}


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    _, known_infer_z, _ = infer_z(data, params)
    return known_infer_z


def estimates(params):
    """The parameters by name."""
    return {"start": params["start"], "A": params["A"], "h": params["h"], "r": params["r"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "start": np.asarray(estimates["start"], dtype=float),
        "A": np.asarray(estimates["A"], dtype=float),
        "h": np.asarray(estimates["h"], dtype=float),
        "r": np.asarray(estimates["r"], dtype=float),
    }
