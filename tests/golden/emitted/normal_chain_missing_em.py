"""NormalChainMissing, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from scipy import sparse

K = 2
PARAMETERS = ("m", "start", "A", "v")
SUPPORTS = {"start": "simplex", "A": "simplex", "m": "real", "v": "positive"}
UPDATES = (("m", ("m",)), ("start", ("start",)), ("A", ("A",)), ("v", ("v",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("s", "k")
SHARED = ("z",)
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {
        "start": np.full((K,), 1 / K),
        "A": np.full((K, K), 1 / K),
        "m": np.broadcast_to(mean_seen(data["y"], axis=0), (K,)),
        "v": np.ones(()),
    }
    start = shares_z(data, params, rng)
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_t(data, params):
    """Features of the rows of the data: T = (1, [y seen])."""
    y = data["y"]
    rows_of_t = data["parent.t.s"].shape[0]

    def write(rows, group, out):
        out[1] = observed(y[rows])

    return (write, 2, rows_of_t, 1, ragged_weights(data, "t", ("s",)))


def shares_z(data, params, rng):
    """Rows shared out among seeds that lie apart in what the data say of them."""
    y = data["y"]
    reference_m = reference_points(params)["m"]
    rows_of_t = data["parent.t.s"].shape[0]
    has_y = observed(y)
    filled_y = filled(y)
    # about the reference points
    y_centred = filled_y - reference_m[0]
    feature_of_z = has_y * y_centred * y_centred
    feature_of_z_2 = has_y * y_centred
    return {"z": seeded_shares([feature_of_z, feature_of_z_2], (rows_of_t, K), rng)}


def fixed_z(data, params):
    """What data alone determine in `infer_z`."""
    y = data["y"]
    rows_of_t = data["parent.t.s"].shape[0]
    S = data["first.t"].shape[0]
    has_y = observed(y)
    filled_y = filled(y)
    # room for the messages of every iteration
    memory_of_z = Memory(rows_of_t * K)
    weights_of_s = plate_weights(data, "s", S)
    return {"has_y": has_y, "filled_y": filled_y, "memory_of_z": memory_of_z, "weights_of_s": weights_of_s}


def infer_z(data, params, start=None, known=False):
    """Expected statistics, posterior and log likelihood of `z`."""
    fixed = data["fixed.z"] if "fixed.z" in data else fixed_z(data, params)
    has_y = fixed["has_y"]
    filled_y = fixed["filled_y"]
    memory_of_z = fixed["memory_of_z"]
    weights_of_s = fixed["weights_of_s"]
    parent_t_s = data["parent.t.s"]
    position_t = data["position.t"]
    start_probabilities = params["start"]
    A = params["A"]
    m = params["m"]
    v = params["v"]
    reference_m = reference_points(params)["m"]
    rows_of_t = data["parent.t.s"].shape[0]
    log_v = np.log(v)
    # about the reference points
    y_centred = filled_y - reference_m[0]
    inverse_v = 1 / v
    offset_m = m - reference_m
    natural_z = -0.5 * log_v - 0.5 * inverse_v * offset_m**2
    natural_z_2 = -0.5 * inverse_v * np.ones(K)
    feature_z = has_y * y_centred**2
    natural_z_3 = inverse_v * offset_m
    log_start = log_probability(start_probabilities)
    # coefficient of [z_t = k]
    evidence_z = RowEvidence(
        K,
        rows_of_t,
        products=[(natural_z, has_y), (natural_z_2, feature_z), (natural_z_3, has_y, y_centred)],
        first=log_start,
        labels=data.get("z"),
        memory=memory_of_z,
    )
    transition_of_z = log_probability(A)
    messages_of_z, log_sum_z = chain_forward(evidence_z, transition_of_z, data["offsets.t"], by_row=False)
    expectations_of_z, transitions_of_z = chain_expectations(messages_of_z, weights_of_s)
    if start is not None:
        expectations_of_z = given_expectations(evidence_z, start["z"], data["offsets.t"], weights_of_s)
        transitions_of_z = lagged(start["z"], 1, 0).T @ (
            start["z"] * at_least(position_t, 1)[:, None] * weights_of_s[parent_t_s][:, None]
        )
    # z_z_lag_kl = Σ E[[z_t = k] [z_{t−1} = l] at_least(t, 1) w_s]
    z_z_lag_kl = transitions_of_z.T
    # z_first_k = Σ E[[z_s0 = k] w_s]
    z_first_k = weights_of_s @ expectations_of_z.first
    # sum_z_has_y = Σ E[[z_t = k] [y_t seen] w_s]
    sum_z_has_y = expectations_of_z.products[0].sum()
    # sum_z_has_y_y_y = Σ E[[z_t = k] [y_t seen] ỹ_t ỹ_t w_s]
    sum_z_has_y_y_y = expectations_of_z.products[1].sum()
    # z_has_y_y_k = Σ E[[z_t = k] [y_t seen] ỹ_t w_s]
    z_has_y_y_k = expectations_of_z.products[2]
    # z_has_y_k = Σ E[[z_t = k] [y_t seen] w_s]
    z_has_y_k = expectations_of_z.products[0]
    log_partition_of_z = log_sum_z @ weights_of_s
    return (
        {
            "z_first_k": z_first_k,
            "z_z_lag_kl": z_z_lag_kl,
            "sum_z_has_y": sum_z_has_y,
            "sum_z_has_y_y_y": sum_z_has_y_y_y,
            "z_has_y_y_k": z_has_y_y_k,
            "z_has_y_k": z_has_y_k,
        },
        {"z": {"probabilities": chain_backward(messages_of_z)[0].reshape(rows_of_t, K)}} if known else {},
        float(log_partition_of_z),
    )


def reference_points(params):
    """Points about which the statistics are taken: one for all states, or one for each where that would cancel."""
    m = params["m"]
    reference_m = np.broadcast_to(m.mean(axis=0, keepdims=True), m.shape)
    return {"m": reference_m}


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    sums_sweep_t = data["sums.t"] if "sums.t" in data else sum_features(*sweep_t(data, params))
    # sum_has_y = Σ [y seen]
    sum_has_y = sums_sweep_t[1]
    with single_threaded_blas():
        expected_infer_z, _, log_likelihood = infer_z(data, params, start)
    # laws without latents, and constants
    constant_part = -0.5 * LOG_2PI * sum_has_y
    log_likelihood += float(constant_part)
    return {"sum_has_y": sum_has_y, **expected_infer_z}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    z_first_k = statistics["z_first_k"]
    z_z_lag_kl = statistics["z_z_lag_kl"]
    sum_z_has_y = statistics["sum_z_has_y"]
    sum_z_has_y_y_y = statistics["sum_z_has_y_y_y"]
    z_has_y_y_k = statistics["z_has_y_y_k"]
    z_has_y_k = statistics["z_has_y_k"]
    reference_m = reference_points(params)["m"]
    # m: maximises z_has_y_y_k m̃_k − ½ z_has_y_k m̃_k m̃_k
    m = reference_m + quotient(z_has_y_y_k, z_has_y_k)
    # start: maximises z_first_k log start_k
    start_probabilities = normalised(z_first_k)
    # A: maximises z_z_lag_kl log A_lk
    A = normalised(z_z_lag_kl.T)
    offset_m = m - reference_m
    # v: maximises −½ sum_z_has_y log v − ½ sum_z_has_y_y_y v^-1 + z_has_y_y_k v^-1 m̃_k − ½ z_has_y_k v^-1 m̃_k
    # m̃_k
    v = spread_root(
        left_of(
            sum_z_has_y_y_y + (z_has_y_k * offset_m) @ offset_m,
            sum_z_has_y_y_y - 2 * (z_has_y_y_k @ offset_m) + (z_has_y_k * offset_m) @ offset_m,
            "v",
        ),
        sum_z_has_y,
        1,
        "v",
    )
    return {"start": start_probabilities, "A": A, "m": m, "v": v}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {**data, "sums.t": sum_features(*sweep_t(data, params)), "fixed.z": fixed_z(data, params)}


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    _, known_infer_z, _ = infer_z(data, params, known=True)
    return known_infer_z


def estimates(params):
    """The parameters by name."""
    return {"start": params["start"], "A": params["A"], "m": params["m"], "v": params["v"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "start": np.asarray(estimates["start"], dtype=float),
        "A": np.asarray(estimates["A"], dtype=float),
        "m": np.asarray(estimates["m"], dtype=float),
        "v": np.asarray(estimates["v"], dtype=float),
    }
