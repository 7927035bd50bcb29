"""ChainMap, fitted by variational Bayes."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from scipy import sparse
from scipy.special import digamma, gammaln

K = 2
PARAMETERS = ("start", "A", "rate")
SUPPORTS = {
    "start.concentration": "positive",
    "A.concentration": "positive",
    "rate.shape": "positive",
    "rate.rate": "positive",
}
UPDATES = (("start", ("start.concentration",)), ("A", ("A.concentration",)), ("rate", ("rate.shape", "rate.rate")))
OBJECTIVE = "evidence lower bound"
WEIGHTED = ("s",)
SHARED = ("z",)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {
        "start.concentration": K * np.full((K,), 1 / K),
        "A.concentration": K * np.full((K, K), 1 / K),
        "rate.shape": 3 * np.ones((K,)),
        "rate.rate": 3 * np.ones((K,)),
    }
    start = shares_z(data, params, rng)
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_s_t(data, params):
    """Features of the rows of the data: T = (1, lgamma(y_st + 1))."""
    y = data["y"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]

    def write(rows, group, out):
        out[1] = np.reshape(gammaln(y[rows] + 1), -1)

    return (write, 2, S, T, row_weights(data, ("s", "t"), (S, T)))


def shares_z(data, params, rng):
    """Rows shared out among seeds that lie apart in what the data say of them."""
    y = data["y"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    return {"z": seeded_shares([y], (S, T, K), rng)}


def fixed_z(data, params):
    """What data alone determine in `infer_z`."""
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    # room for the messages of every iteration
    memory_of_z = Memory(S * T * K)
    weights_of_s = plate_weights(data, "s", S)
    return {"memory_of_z": memory_of_z, "weights_of_s": weights_of_s}


def infer_z(data, params, start=None, known=False):
    """Expected statistics, posterior and log likelihood of `z`."""
    fixed = data["fixed.z"] if "fixed.z" in data else fixed_z(data, params)
    memory_of_z = fixed["memory_of_z"]
    weights_of_s = fixed["weights_of_s"]
    y = data["y"]
    start_concentration = params["start.concentration"]
    A_concentration = params["A.concentration"]
    rate_shape = params["rate.shape"]
    rate_rate = params["rate.rate"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    expected_log_rate = digamma(rate_shape) - np.log(rate_rate)
    expected_value_rate = rate_shape / rate_rate
    constant_z = -expected_value_rate
    expected_log_start = expected_log(start_concentration)
    # coefficient of [z_st = k]
    evidence_z = RowEvidence(
        K,
        S * T,
        constant=constant_z,
        products=[(expected_log_rate, y)],
        first=expected_log_start,
        labels=data.get("z"),
        memory=memory_of_z,
    )
    transition_of_z = expected_log(A_concentration)
    messages_of_z, log_sum_z = chain_forward(evidence_z, transition_of_z, np.arange(0, S * T + 1, T), by_row=False)
    expectations_of_z, transitions_of_z = chain_expectations(messages_of_z, weights_of_s)
    if start is not None:
        expectations_of_z = given_expectations(evidence_z, start["z"], np.arange(0, S * T + 1, T), weights_of_s)
        transitions_of_z = np.tensordot(
            lagged(start["z"], 1, 1),
            start["z"] * at_least(np.arange(T), 1)[:, None] * weights_of_s[:, None, None],
            ((0, 1), (0, 1)),
        )
    # z_z_lag_kl = Σ E[[z_st = k] [z_{s,t−1} = l] at_least(t, 1) w_s]
    z_z_lag_kl = transitions_of_z.T
    # z_first_k = Σ E[[z_s0 = k] w_s]
    z_first_k = weights_of_s @ expectations_of_z.first
    # z_y_k = Σ E[[z_st = k] y_st w_s]
    z_y_k = expectations_of_z.products[0]
    # z_k = Σ E[[z_st = k] w_s]
    z_k = expectations_of_z.constant
    log_partition_of_z = log_sum_z @ weights_of_s
    return (
        {"z_first_k": z_first_k, "z_z_lag_kl": z_z_lag_kl, "z_y_k": z_y_k, "z_k": z_k},
        {"z": {"probabilities": chain_backward(messages_of_z)[0].reshape(S, T, K)}} if known else {},
        float(log_partition_of_z),
    )


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    sums_sweep_s_t = data["sums.s.t"] if "sums.s.t" in data else sum_features(*sweep_s_t(data, params))
    # sum_lgamma_y_st_1 = Σ lgamma(y_st + 1)
    sum_lgamma_y_st_1 = sums_sweep_s_t[1]
    with single_threaded_blas():
        expected_infer_z, _, log_likelihood = infer_z(data, params, start)
    # laws without latents, and constants
    constant_part = -sum_lgamma_y_st_1
    log_likelihood += float(constant_part)
    return {"sum_lgamma_y_st_1": sum_lgamma_y_st_1, **expected_infer_z}, log_likelihood


def m_step(statistics, params):
    """Posteriors of the parameters, and estimates of those without a prior, given the sufficient statistics."""
    z_first_k = statistics["z_first_k"]
    z_z_lag_kl = statistics["z_z_lag_kl"]
    z_y_k = statistics["z_y_k"]
    z_k = statistics["z_k"]
    # start: q ∝ exp of the expectation of ½ log start_d + z_first_k log start_k
    start_concentration = 1.5 + z_first_k
    # A: q ∝ exp of the expectation of 2 log A_k0 + 3/2 log A_k1 − log A_ki + z_z_lag_kl log A_lk
    A_concentration = 2 * unit_vector(K, 0) + 1.5 * unit_vector(K, 1) + z_z_lag_kl.T
    # rate: q ∝ exp of the expectation of log rate_k − ½ rate_k + z_y_k log rate_k − z_k rate_k
    rate_shape = 2 + z_y_k
    rate_rate = 0.5 + z_k
    return {
        "start.concentration": start_concentration,
        "A.concentration": A_concentration,
        "rate.shape": rate_shape,
        "rate.rate": rate_rate,
    }


def objective(log_likelihood, params):
    """The evidence lower bound: the expected log joint plus the entropies of the posteriors."""
    start_concentration = params["start.concentration"]
    A_concentration = params["A.concentration"]
    rate_shape = params["rate.shape"]
    rate_rate = params["rate.rate"]
    expected_log_start = expected_log(start_concentration)
    lgamma_2_3_2 = gammaln(2 * unit_vector(2, 0).sum() + 1.5 * unit_vector(2, 1).sum())
    expected_log_A = expected_log(A_concentration)
    expected_log_rate = digamma(rate_shape) - np.log(rate_rate)
    expected_value_rate = rate_shape / rate_rate
    expected_log_prior = (
        0.693147180559945
        - 1.1447298858493997 * K
        + 0.5 * expected_log_start.sum()
        + K * lgamma_2_3_2
        + 2 * expected_log_A[:, 0].sum()
        + 1.5 * expected_log_A[:, 1].sum()
        - expected_log_A.sum()
        + expected_log_rate.sum()
        - 0.5 * expected_value_rate.sum()
    )
    entropy = (
        dirichlet_entropy(start_concentration)
        + dirichlet_entropy(A_concentration)
        + gamma_entropy(rate_shape, rate_rate, 1)
    )
    return log_likelihood + float(expected_log_prior) + float(entropy)


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {**data, "sums.s.t": sum_features(*sweep_s_t(data, params)), "fixed.z": fixed_z(data, params)}


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable and parameter."""
    _, known_infer_z, _ = infer_z(data, params, known=True)
    return {
        **known_infer_z,
        "start": {
            "mean": normalised(params["start.concentration"]),
            "concentration": params["start.concentration"],
            "var": dirichlet_variance(params["start.concentration"]),
        },
        "A": {
            "mean": normalised(params["A.concentration"]),
            "concentration": params["A.concentration"],
            "var": dirichlet_variance(params["A.concentration"]),
        },
        "rate": {
            "mean": params["rate.shape"] / params["rate.rate"],
            "shape": params["rate.shape"],
            "rate": params["rate.rate"],
            "var": power_variance(params["rate.shape"], params["rate.rate"], 1.0),
        },
    }


def estimates(params):
    """The parameters by name, at their posterior means."""
    return {
        "start": normalised(params["start.concentration"]),
        "A": normalised(params["A.concentration"]),
        "rate": params["rate.shape"] / params["rate.rate"],
    }


def from_estimates(estimates, params):
    """Parameters with these estimates: posteriors keep their spread and move their means."""
    return {
        "start.concentration": estimates["start"] * params["start.concentration"].sum(axis=-1, keepdims=True),
        "A.concentration": estimates["A"] * params["A.concentration"].sum(axis=-1, keepdims=True),
        "rate.shape": params["rate.shape"],
        "rate.rate": params["rate.shape"] / estimates["rate"],
    }
