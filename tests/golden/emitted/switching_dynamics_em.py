"""SwitchingDynamics, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from scipy import sparse

K = 2
PARAMETERS = ("a", "start", "A", "q")
SUPPORTS = {"start": "simplex", "A": "simplex", "a": "real", "q": "positive"}
UPDATES = (("a", ("a",)), ("start", ("start",)), ("A", ("A",)), ("q", ("q",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("s", "k")
SHARED = ("z",)
RESUMED = "latents.state"
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {"start": np.full((K,), 1 / K), "A": np.full((K, K), 1 / K), "a": np.zeros((K,)), "q": np.ones((K,))}
    start = shares_z_x(data, params, rng)
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_s(data, params):
    """Features of the rows of the data: T = (1)."""
    S = data["y"].shape[0]
    return (write_nothing, 1, S, 1, data.get("weights.s"))


def sweep_s_t(data, params):
    """Features of the rows of the data: T = (1, at_least(t, 1), y y)."""
    y = data["y"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]

    def write(rows, group, out):
        out[1] = np.reshape(at_least(np.arange(T), 1) * np.ones(rows.stop - rows.start)[:, None], -1)
        out[2] = np.reshape(y[rows]**2, -1)

    return (write, 3, S, T, row_weights(data, ("s", "t"), (S, T)))


def shares_z_x(data, params, rng):
    """Rows shared out among seeds that lie apart in what the data say of them."""
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    return {"z": lasting_shares((S, T, K), np.arange(T), rng)}


def fixed_z_x(data, params):
    """What data alone determine in `infer_z_x`."""
    y = data["y"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    at_least_t_1 = at_least(np.arange(T), 1)
    # coefficient of x_st
    natural_x_3 = 2 * y
    # rows that are not the first of their series
    later_rows_of_s_t = later_rows(np.arange(0, S * T + 1, T))
    weights_of_s = plate_weights(data, "s", S)
    y_weights_of_s = y * weights_of_s[:, None]
    natural_x_3_weights_of_s = natural_x_3 * weights_of_s[:, None]
    return {
        "at_least_t_1": at_least_t_1,
        "natural_x_3": natural_x_3,
        "later_rows_of_s_t": later_rows_of_s_t,
        "weights_of_s": weights_of_s,
        "y_weights_of_s": y_weights_of_s,
        "natural_x_3_weights_of_s": natural_x_3_weights_of_s,
    }


def infer_z_x(data, params, start=None):
    """Expected statistics, posterior and bound of `z` and `x`."""
    fixed = data["fixed.z_x"] if "fixed.z_x" in data else fixed_z_x(data, params)
    at_least_t_1 = fixed["at_least_t_1"]
    natural_x_3 = fixed["natural_x_3"]
    later_rows_of_s_t = fixed["later_rows_of_s_t"]
    weights_of_s = fixed["weights_of_s"]
    y_weights_of_s = fixed["y_weights_of_s"]
    natural_x_3_weights_of_s = fixed["natural_x_3_weights_of_s"]
    start_probabilities = params["start"]
    A = params["A"]
    a = params["a"]
    q = params["q"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    state = data.get("latents.state", {})
    rng = np.random.default_rng(state.get("seed", 0))
    q_x_x = state["q_x_x"] if "q_x_x" in state else np.ones((S, T))
    q_x_x_2 = state["q_x_x_2"] if "q_x_x_2" in state else np.ones((S, T))
    q_z = (
        state["q_z"] if "q_z" in state
        else start["z"] if start is not None and "z" in start
        else random_shares((S, T, K), rng)
    )
    inverse_q = 1 / q
    log_start = log_probability(start_probabilities)
    log_q = np.log(q)
    transition_of_z = log_probability(A)
    for _ in range(3 if "latents.state" in data else 200):
        last = np.array(q_z)
        terms_of_x_0 = -0.5 * at_least_t_1[:, None] * np.einsum("stk,k->ts", q_z, inverse_q * a**2)
        # coefficient of x_st x_st
        natural_x = (
            added_at(-1 - 0.5 * at_least_t_1 * np.tensordot(q_z, inverse_q, (2, 0)), -0.5, 1, 0)
            + lagged(terms_of_x_0, -1, 0).T
        )
        # coefficient of x_st x_{s,t−1}
        natural_x_2 = np.tensordot(q_z, inverse_q * a, (2, 0))
        # the joint normal law of `x`
        means_of_x, covariances_of_x, crosses_of_x, log_partition_of_x = gaussian_system(
            [np.reshape(natural_x_3, (-1, 1))],
            [precision_of(np.reshape(natural_x, (-1, 1, 1)))],
            [(0, 0, later_rows_of_s_t, later_rows_of_s_t - 1, -np.reshape(natural_x_2, (-1, 1, 1))[later_rows_of_s_t])],
            [known_rows(data.get("x"), 1)],
            copies_of(data, [([("s", np.arange(S)[:, None])], (S, T))]),
        )
        expected_x = means_of_x[0].reshape(S, T)
        q_x_x = second_moment(means_of_x[0], covariances_of_x[0]).reshape(S, T)
        q_x_x_2 = at_rows(
            cross_moment(means_of_x[0][later_rows_of_s_t], means_of_x[0][later_rows_of_s_t - 1], crosses_of_x[0]),
            later_rows_of_s_t,
            S * T,
        ).reshape(S, T)
        # coefficient of [z_st = k]
        natural_z = -0.5 * q_x_x[:, :, None] * at_least_t_1[:, None] * inverse_q
        natural_z += q_x_x_2[:, :, None] * at_least_t_1[:, None] * inverse_q * a
        natural_z += -0.5 * lagged(q_x_x, 1, 1)[:, :, None] * at_least_t_1[:, None] * inverse_q * a**2
        natural_z += -0.5 * at_least_t_1[:, None] * log_q
        natural_z = added_at(natural_z, log_start, 1, 0)
        # log weight of `z`
        evidence_of_z = ruled_out(natural_z, data.get("z"))
        messages_of_z, log_sum_z = chain_forward(
            evidence_of_z.reshape(-1, K),
            transition_of_z,
            np.arange(0, S * T + 1, T),
            by_row=False,
        )
        marginals_of_z, transitions_of_z = chain_backward(messages_of_z, weights_of_s)
        # p of `z`
        q_z = marginals_of_z.reshape(S, T, K)
        if start is not None:
            q_z = start["z"]
            transitions_of_z = np.tensordot(
                lagged(start["z"], 1, 1),
                start["z"] * at_least(np.arange(T), 1)[:, None] * weights_of_s[:, None, None],
                ((0, 1), (0, 1)),
            )
        expected_z = transitions_of_z.T
        if np.max(np.abs(q_z - last)) <= 1e-9 * np.max(np.abs(q_z)):
            break
    # z_first_k = Σ E[[z_s0 = k] w_s]
    z_first_k = weights_of_s @ q_z[:, 0]
    # x_x_t = Σ E[x_st x_st w_s]
    x_x_t = weights_of_s @ q_x_x
    # z_k = Σ E[[z_st = k] at_least(t, 1) w_s]
    z_k = weights_of_s @ np.tensordot(q_z, at_least_t_1, (1, 0))
    # z_x_x_k = Σ E[[z_st = k] x_st x_st at_least(t, 1) w_s]
    z_x_x_k = np.tensordot(q_z, weights_of_s[:, None] * q_x_x * at_least_t_1, ((0, 1), (0, 1)))
    # z_x_x_lag_k = Σ E[[z_st = k] x_st x_{s,t−1} at_least(t, 1) w_s]
    z_x_x_lag_k = np.tensordot(q_z, weights_of_s[:, None] * q_x_x_2 * at_least_t_1, ((0, 1), (0, 1)))
    # z_x_lag_x_lag_k = Σ E[[z_st = k] x_{s,t−1} x_{s,t−1} at_least(t, 1) w_s]
    z_x_lag_x_lag_k = np.tensordot(q_z, weights_of_s[:, None] * lagged(q_x_x, 1, 1) * at_least_t_1, ((0, 1), (0, 1)))
    # sum_x_y = Σ E[x_st y_st w_s]
    sum_x_y = np.tensordot(expected_x, y_weights_of_s, ((0, 1), (0, 1)))
    # sum_x_x = Σ E[x_st x_st w_s]
    sum_x_x = q_x_x.sum(axis=1) @ weights_of_s
    log_partition_of_z_x = (
        -0.5 * x_x_t[0]
        + 2 * sum_x_y
        - sum_x_x
        + log_partition_of_x
        + log_sum_z @ weights_of_s
        - weights_of_s @ np.einsum("st,st->s", q_x_x, natural_x)
        - weights_of_s @ np.einsum("st,st->s", q_x_x_2, natural_x_2)
        - np.tensordot(expected_x, natural_x_3_weights_of_s, ((0, 1), (0, 1)))
    )
    state.update({"q_x_x": q_x_x, "q_x_x_2": q_x_x_2, "q_z": q_z})
    return (
        {
            "z_first_k": z_first_k,
            "z_z_lag_kl": expected_z,
            "x_x_t": x_x_t,
            "z_k": z_k,
            "z_x_x_k": z_x_x_k,
            "z_x_x_lag_k": z_x_x_lag_k,
            "z_x_lag_x_lag_k": z_x_lag_x_lag_k,
            "sum_x_y": sum_x_y,
            "sum_x_x": sum_x_x,
        },
        {
            "z": {"probabilities": q_z},
            "x": {"mean": means_of_x[0].reshape(S, T), "var": covariances_of_x[0].reshape(S, T)},
        },
        float(log_partition_of_z_x),
    )


def e_step(data, params, start=None):
    """Expected sufficient statistics and bound on the log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    sums_sweep_s = data["sums.s"] if "sums.s" in data else sum_features(*sweep_s(data, params))
    # count = Σ 1
    count = sums_sweep_s[0]
    sums_sweep_s_t = data["sums.s.t"] if "sums.s.t" in data else sum_features(*sweep_s_t(data, params))
    # sum_at_least_t_1 = Σ at_least(t, 1)
    sum_at_least_t_1 = sums_sweep_s_t[1]
    # rows_count = Σ 1
    rows_count = sums_sweep_s_t[0]
    # y_y = Σ y y
    y_y = sums_sweep_s_t[2]
    with single_threaded_blas():
        expected_infer_z_x, _, log_likelihood = infer_z_x(data, params, start)
    # laws without latents, and constants
    constant_part = -0.5 * LOG_2PI * count - 0.5 * LOG_2PI * sum_at_least_t_1 - 0.5723649429247001 * rows_count - y_y
    log_likelihood += float(constant_part)
    return (
        {
            "count": count,
            "sum_at_least_t_1": sum_at_least_t_1,
            "rows_count": rows_count,
            "y_y": y_y,
            **expected_infer_z_x,
        },
        log_likelihood,
    )


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    z_first_k = statistics["z_first_k"]
    z_z_lag_kl = statistics["z_z_lag_kl"]
    z_k = statistics["z_k"]
    z_x_x_k = statistics["z_x_x_k"]
    z_x_x_lag_k = statistics["z_x_x_lag_k"]
    z_x_lag_x_lag_k = statistics["z_x_lag_x_lag_k"]
    # a: maximises z_x_x_lag_k a_k − ½ z_x_lag_x_lag_k a_k a_k
    a = quotient(z_x_x_lag_k, z_x_lag_x_lag_k)
    # start: maximises z_first_k log start_k
    start_probabilities = normalised(z_first_k)
    # A: maximises z_z_lag_kl log A_lk
    A = normalised(z_z_lag_kl.T)
    # q: maximises −½ z_k log q_k − ½ z_x_x_k q_k^-1 + z_x_x_lag_k q_k^-1 a_k − ½ z_x_lag_x_lag_k q_k^-1 a_k a_k
    q = spread_root(z_x_x_k - 2 * z_x_x_lag_k * a + z_x_lag_x_lag_k * a * a, z_k, 1, "q")
    return {"start": start_probabilities, "A": A, "a": a, "q": q}


def objective(log_likelihood, params):
    """What the iteration maximises: the bound on the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {
        **data,
        "sums.s": sum_features(*sweep_s(data, params)),
        "sums.s.t": sum_features(*sweep_s_t(data, params)),
        "fixed.z_x": fixed_z_x(data, params),
    }


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate({"latents.state": {}, **prepare(data, params)}, params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    _, known_infer_z_x, _ = infer_z_x(data, params)
    return known_infer_z_x


def estimates(params):
    """The parameters by name."""
    return {"start": params["start"], "A": params["A"], "a": params["a"], "q": params["q"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "start": np.asarray(estimates["start"], dtype=float),
        "A": np.asarray(estimates["A"], dtype=float),
        "a": np.asarray(estimates["a"], dtype=float),
        "q": np.asarray(estimates["q"], dtype=float),
    }
