"""VectorState, fitted by expectation maximisation."""

import ctypes
from contextlib import contextmanager

import numpy as np
from scipy import sparse
from scipy.special import gammaln

PARAMETERS = ("F", "Q", "r")
SUPPORTS = {"F": "real", "Q": "cov", "r": "positive"}
UPDATES = (("F", ("F",)), ("Q", ("Q",)), ("r", ("r",)))
OBJECTIVE = "log posterior"
WEIGHTED = ("s",)
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {"F": np.zeros((2, 2)), "Q": np.eye(2), "r": np.ones((3,))}
    start = None
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_s(data, params):
    """Features of the rows of the data: T = (1)."""
    S = data["y"].shape[0]
    return (write_nothing, 1, S, 1, data.get("weights.s"))


def sweep_s_t(data, params):
    """Features of the rows of the data: T = (1, at_least(t, 1))."""
    S = data["y"].shape[0]
    T = data["y"].shape[1]

    def write(rows, group, out):
        out[1] = np.reshape(at_least(np.arange(T), 1) * np.ones(rows.stop - rows.start)[:, None], -1)

    return (write, 2, S, T, row_weights(data, ("s", "t"), (S, T)))


def fixed_x_y_centred(data, params):
    """What data alone determine in `infer_x_y_centred`."""
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    at_least_t_1 = at_least(np.arange(T), 1)
    # rows of `x` that differ in masks
    kinds_of_rows_of_x = kinds_of_rows(unit_vector(T, 0), at_least_t_1, lagged(at_least_t_1, -1, 0))
    rows_of_kinds_of_x = first_rows(kinds_of_rows_of_x)
    mask_0_of_kinds_of_x = unit_vector(T, 0)[rows_of_kinds_of_x]
    mask_1_of_kinds_of_x = at_least_t_1[rows_of_kinds_of_x]
    mask_2_of_kinds_of_x = lagged(at_least_t_1, -1, 0)[rows_of_kinds_of_x]
    part_of_mask_0_of_kinds_of_x = mask_0_of_kinds_of_x[:, None, None] * np.eye(2)
    # rows that are not the first of their series
    later_rows_of_s_t = later_rows(np.arange(0, S * T + 1, T))
    weights_of_s = plate_weights(data, "s", S)
    return {
        "at_least_t_1": at_least_t_1,
        "kinds_of_rows_of_x": kinds_of_rows_of_x,
        "mask_1_of_kinds_of_x": mask_1_of_kinds_of_x,
        "mask_2_of_kinds_of_x": mask_2_of_kinds_of_x,
        "part_of_mask_0_of_kinds_of_x": part_of_mask_0_of_kinds_of_x,
        "later_rows_of_s_t": later_rows_of_s_t,
        "weights_of_s": weights_of_s,
    }


def infer_x_y_centred(data, params, start=None):
    """Expected statistics, posterior and log likelihood of `x` and `ỹ`."""
    fixed = data["fixed.x_y~"] if "fixed.x_y~" in data else fixed_x_y_centred(data, params)
    at_least_t_1 = fixed["at_least_t_1"]
    kinds_of_rows_of_x = fixed["kinds_of_rows_of_x"]
    mask_1_of_kinds_of_x = fixed["mask_1_of_kinds_of_x"]
    mask_2_of_kinds_of_x = fixed["mask_2_of_kinds_of_x"]
    part_of_mask_0_of_kinds_of_x = fixed["part_of_mask_0_of_kinds_of_x"]
    later_rows_of_s_t = fixed["later_rows_of_s_t"]
    weights_of_s = fixed["weights_of_s"]
    H = data["H"]
    y = data["y"]
    F = params["F"]
    Q = params["Q"]
    r = params["r"]
    S = data["y"].shape[0]
    T = data["y"].shape[1]
    inverse_Q = inverse(Q)
    inverse_r = 1 / r
    # coefficient of x_sti x_stj
    natural_x = (
        -0.5 * part_of_mask_0_of_kinds_of_x
        - 0.5 * mask_1_of_kinds_of_x[:, None, None] * inverse_Q
        - 0.5 * ((H * inverse_r[:, None]).T @ H)
        - 0.5 * mask_2_of_kinds_of_x[:, None, None] * (F.T @ inverse_Q @ F)
    )
    # coefficient of x_sti x_{s,t−1,j}
    natural_x_2 = inverse_Q @ F
    # coefficient of ỹ_sti ỹ_stj
    natural_y_centred = -0.5 * inverse_r[:, None] * np.eye(3)
    # coefficient of x_sti ỹ_stj
    natural_x_y_centred = H.T * inverse_r
    # the joint normal law of `x` and `ỹ`
    means_of_x_y_centred, covariances_of_x_y_centred, crosses_of_x_y_centred, log_volume_of_x_y_centred = gaussian_law(
        [np.zeros((S * T, 2)), np.zeros((S * T, 3))],
        [
            precision_of(np.reshape(natural_x, (-1, 2, 2)))[np.broadcast_to(kinds_of_rows_of_x, (S, T)).ravel()],
            precision_of(np.reshape(natural_y_centred, (-1, 3, 3))),
        ],
        [
            (0, 0, later_rows_of_s_t, later_rows_of_s_t - 1, -np.reshape(natural_x_2, (-1, 2, 2))),
            (0, 1, np.arange(S * T), np.arange(S * T), -np.reshape(natural_x_y_centred, (-1, 2, 3))),
        ],
        [known_rows(data.get("x"), 2), y.reshape(-1, 3)],
        copies_of(data, [([("s", np.arange(S)[:, None])], (S, T)), ([("s", np.arange(S)[:, None])], (S, T))]),
    )
    expected_x = means_of_x_y_centred[0].reshape(S, T, 2)
    expected_y_centred = means_of_x_y_centred[1].reshape(S, T, 3)
    expected_x_x = second_moment(means_of_x_y_centred[0], covariances_of_x_y_centred[0]).reshape(S, T, 2, 2)
    covariance_of_x_x = at_rows(crosses_of_x_y_centred[0], later_rows_of_s_t, S * T).reshape(S, T, 2, 2)
    covariance_of_y_centred_y_centred = covariances_of_x_y_centred[1].reshape(S, T, 3, 3)
    expected_x_y_centred = cross_moment(
        means_of_x_y_centred[0],
        means_of_x_y_centred[1],
        crosses_of_x_y_centred[1],
    ).reshape(S, T, 2, 3)
    lagged_expected_x = lagged(expected_x, 1, 1)
    # values minus their means, at the means of the latents
    residual_of_x_2 = np.tensordot(lagged_expected_x, -F, (2, 1))
    residual_of_x_2 += expected_x
    residual_of_y = np.tensordot(expected_x, -H, (2, 1))
    residual_of_y += expected_y_centred
    # x_x_ij = Σ E[x_sti x_stj at_least(t, 1) w_s]
    x_x_ij = np.tensordot(weights_of_s, np.tensordot(expected_x_x, at_least_t_1, (1, 0)), (0, 0))
    # x_x_lag_ij = Σ E[x_sti x_{s,t−1,j} at_least(t, 1) w_s]
    x_x_lag_ij = (
        np.tensordot(weights_of_s, np.tensordot(covariance_of_x_x, at_least_t_1, (1, 0)), (0, 0))
        + np.tensordot(
            expected_x * at_least_t_1[:, None] * weights_of_s[:, None, None],
            lagged_expected_x,
            ((0, 1), (0, 1)),
        )
    )
    # x_lag_x_lag_jk = Σ E[x_{s,t−1,j} x_{s,t−1,k} at_least(t, 1) w_s]
    x_lag_x_lag_jk = np.tensordot(lagged(at_least_t_1, -1, 0), np.tensordot(weights_of_s, expected_x_x, (0, 0)), (0, 0))
    # y_y_i = Σ E[ỹ_sti ỹ_sti w_s]
    y_y_i = (
        np.einsum("stii,s->i", covariance_of_y_centred_y_centred, weights_of_s)
        + weights_of_s @ np.einsum("sti,sti->si", expected_y_centred, expected_y_centred)
    )
    # y_x_H_i = Σ E[ỹ_sti x_stj H_ij w_s]
    y_x_H_i = np.einsum("ij,ji->i", H, np.tensordot(expected_x_y_centred.sum(axis=1), weights_of_s, (0, 0)))
    # x_x_H_H_i = Σ E[x_stj x_stk H_ij H_ik w_s]
    x_x_H_H_i = np.einsum("ij,ij->i", H, H @ np.tensordot(expected_x_x.sum(axis=1), weights_of_s, (0, 0)))
    centred_mean_y_centred = means_of_x_y_centred[1].reshape(S, T, 3)
    evidence_of_x_y_centred = (
        log_volume_of_x_y_centred
        - 0.5 * (weights_of_s @ (expected_x[:, 0]**2).sum(axis=1))
        - 0.5 * (
            weights_of_s @ (
                np.einsum(
                    "stj,stj->st",
                    residual_of_x_2,
                    np.tensordot(residual_of_x_2, inverse_Q, (2, 0)),
                ) @ at_least_t_1
            )
        )
        - 0.5 * (inverse_r @ (weights_of_s @ np.einsum("sti,sti->si", residual_of_y, residual_of_y)))
    )
    return (
        {
            "x_x_ij": x_x_ij,
            "x_x_lag_ij": x_x_lag_ij,
            "x_lag_x_lag_jk": x_lag_x_lag_jk,
            "y_y_i": y_y_i,
            "y_x_H_i": y_x_H_i,
            "x_x_H_H_i": x_x_H_H_i,
        },
        {
            "x": {
                "mean": means_of_x_y_centred[0].reshape(S, T, 2),
                "cov": covariances_of_x_y_centred[0].reshape(S, T, 2, 2),
            },
            "y": {"mean": centred_mean_y_centred},
        },
        float(evidence_of_x_y_centred),
    )


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    Q = params["Q"]
    r = params["r"]
    sums_sweep_s = data["sums.s"] if "sums.s" in data else sum_features(*sweep_s(data, params))
    # count = Σ 1
    count = sums_sweep_s[0]
    sums_sweep_s_t = data["sums.s.t"] if "sums.s.t" in data else sum_features(*sweep_s_t(data, params))
    # sum_at_least_t_1 = Σ at_least(t, 1)
    sum_at_least_t_1 = sums_sweep_s_t[1]
    # rows_count = Σ 1
    rows_count = sums_sweep_s_t[0]
    with single_threaded_blas():
        expected_infer_x_y_centred, _, log_likelihood = infer_x_y_centred(data, params, start)
    logdet_Q = log_determinant(Q)
    log_r = np.log(r)
    # laws without latents, and constants
    constant_part = (
        -LOG_2PI * count
        - 0.5 * sum_at_least_t_1 * logdet_Q
        - LOG_2PI * sum_at_least_t_1
        - 0.5 * rows_count * log_r.sum()
        - 2.7568155996140185 * rows_count
    )
    log_likelihood += float(constant_part)
    return (
        {"count": count, "sum_at_least_t_1": sum_at_least_t_1, "rows_count": rows_count, **expected_infer_x_y_centred},
        log_likelihood,
    )


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    sum_at_least_t_1 = statistics["sum_at_least_t_1"]
    rows_count = statistics["rows_count"]
    x_x_ij = statistics["x_x_ij"]
    x_x_lag_ij = statistics["x_x_lag_ij"]
    x_lag_x_lag_jk = statistics["x_lag_x_lag_jk"]
    y_y_i = statistics["y_y_i"]
    y_x_H_i = statistics["y_x_H_i"]
    x_x_H_H_i = statistics["x_x_H_H_i"]
    # F: maximises x_x_lag_jk F_jk − ½ x_lag_x_lag_jk F_lj F_lk
    F = solve(x_lag_x_lag_jk, x_x_lag_ij)
    # Q: maximises −4 log|Q| − ½ Q⁻¹_ii − ½ sum_at_least_t_1 log|Q| − ½ x_x_ij Q⁻¹_ij + x_x_lag_ij Q⁻¹_ik F_kj − ½
    # x_lag_x_lag_jk F_ij Q⁻¹_il F_lk
    Q = covariance(
        0.5 * np.eye(2) + 0.5 * x_x_ij - x_x_lag_ij @ F.T + 0.5 * (F @ x_lag_x_lag_jk @ F.T),
        4 + 0.5 * sum_at_least_t_1,
        "Q",
    )
    # r: maximises −½ rows_count log r_i − ½ y_y_i r_i^-1 + y_x_H_i r_i^-1 − ½ x_x_H_H_i r_i^-1
    r = spread_root(y_y_i - 2 * y_x_H_i + x_x_H_H_i, rows_count, 1, "r")
    return {"F": F, "Q": Q, "r": r}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood plus the log prior densities."""
    Q = params["Q"]
    logdet_Q = log_determinant(Q)
    inverse_Q = inverse(Q)
    log_multigamma_2_5_2 = multigammaln_array(2.5, 2)
    log_prior = -4 * logdet_Q - 0.5 * np.trace(inverse_Q) - 3.4657359027997265 - log_multigamma_2_5_2
    return log_likelihood + float(log_prior)


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {
        **data,
        "sums.s": sum_features(*sweep_s(data, params)),
        "sums.s.t": sum_features(*sweep_s_t(data, params)),
        "fixed.x_y~": fixed_x_y_centred(data, params),
    }


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    _, known_infer_x_y_centred, _ = infer_x_y_centred(data, params)
    return known_infer_x_y_centred


def estimates(params):
    """The parameters by name."""
    return {"F": params["F"], "Q": params["Q"], "r": params["r"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "F": np.asarray(estimates["F"], dtype=float),
        "Q": np.asarray(estimates["Q"], dtype=float),
        "r": np.asarray(estimates["r"], dtype=float),
    }
