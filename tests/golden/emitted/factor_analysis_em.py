"""FactorAnalysis, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

L = 1
PARAMETERS = ("W", "m", "psi")
SUPPORTS = {"W": "real", "m": "real", "psi": "positive"}
UPDATES = (("W and m", ("W", "m")), ("psi", ("psi",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("n",)
REFUSED_WEIGHTS = {("d",): "rows of `x` are not counted one by one"}
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    D = data["x"].shape[1]
    params = {"W": np.zeros((D, L)), "m": np.broadcast_to(np.nanmean(data["x"], axis=0), (D,)), "psi": np.ones((D,))}
    data = data if "products.f" in data else prepare(data, params)
    start = {"f": projected(sweep_f(data, params), rng, [slice(0, L)], products_f_about(data, params))}
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_f(data, params, start=None):
    """Features and natural parameters of the rows of `f`: T = (1, x̃_d)."""
    x = data["x"]
    W = params["W"]
    m = params["m"]
    psi = params["psi"]
    D = params["W"].shape[0]
    N = data["x"].shape[0]
    inverse_psi = 1 / psi
    # coefficient of f_l f_l
    natural_f_f_lm = -0.5 * np.eye(L) - 0.5 * (W.T @ (inverse_psi[:, None] * W))
    # coefficient of f_l x̃_d
    natural_f_x_ld = inverse_psi * W.T
    naturals_of_f = np.zeros((L + L * L, 1 + D))
    naturals_of_f[L:L + L * L, 0] = np.reshape(natural_f_f_lm, (L * L,))
    naturals_of_f[0:L, 1:1 + D] = natural_f_x_ld

    def write(rows, group, out):
        # x̃: about the reference point
        x_centred = x[rows].T - m[:, None]
        out[1:1 + D] = x_centred

    def expect(natural, rows, hard=False):
        # entries that are known
        values = np.full((1, natural.shape[1], L), np.nan)
        if "f" in data:
            values[:, :, 0:L] = data["f"][rows].reshape(natural.shape[1], -1)
        return gaussian_rows(
            natural,
            1,
            False,
            [(slice(0, L), slice(0, L))],
            [(slice(L, L + L * L), slice(0, L), slice(0, L))],
            values,
            True,
            hard,
        )

    return (write, naturals_of_f[None], start.get("f", expect) if start else expect, N, 1, data.get("weights.n"))


def sweep_n(data, params):
    """Features of the rows of the data: T = (1, x̃_d, x̃_d x̃_d)."""
    x = data["x"]
    m = params["m"]
    D = params["W"].shape[0]
    N = data["x"].shape[0]

    def write(rows, group, out):
        # x̃: about the reference point
        x_centred = x[rows].T - m[:, None]
        out[1:1 + D] = x_centred
        out[1 + D:1 + 2 * D] = x_centred**2

    return (write, 1 + 2 * D, N, 1, data.get("weights.n"))


def products_f_about(data, params):
    """Σ T Tᵀ about the current reference points, from what `prepare` has summed; None where it has not."""
    m = params["m"]
    D = params["W"].shape[0]
    if data.get("products.f") is None:
        return None
    moved_m = m - data["products.f.m"]
    change_products_f = np.zeros((1 + D, 1 + D))
    change_products_f[1:1 + D, 0] = -moved_m
    return about_points(data["products.f"], change_products_f, *sweep_f(data, params))


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    psi = params["psi"]
    D = params["W"].shape[0]
    check_weights(data, REFUSED_WEIGHTS)
    products_f = None if start and callable(start.get("f")) else products_f_about(data, params)
    if products_f is None:
        sums_sweep_f, log_likelihood = sweep(*sweep_f(data, params, start))
    else:
        # the precision is that of every row, the means are linear in T: sums over rows follow from Σ T Tᵀ
        sums_sweep_f, log_likelihood = folded_gaussian(
            products_f,
            shifted(sweep_f(data, params)[1], start, "f"),
            [(slice(0, L), slice(0, L))],
            [(slice(L, L + L * L), slice(0, L), slice(0, L))],
        )
    sums_sweep_f = sums_sweep_f.reshape(-1, sums_sweep_f.shape[-1])
    # f_f_lm = Σ f_l f_l
    f_f_lm = sums_sweep_f[L:L + L * L, 0].reshape(L, L)
    # f_x_ld = Σ f_l x̃_d
    f_x_ld = sums_sweep_f[0:L, 1:1 + D]
    # f_l = Σ f_l
    f_l = sums_sweep_f[0:L, 0]
    if products_f is None:
        sums_sweep_n = sum_features(*sweep_n(data, params))
        # count = Σ 1
        count = sums_sweep_n[0]
        # x_x_d = Σ x̃_d x̃_d
        x_x_d = sums_sweep_n[1 + D:1 + 2 * D]
        # x_d = Σ x̃_d
        x_d = sums_sweep_n[1:1 + D]
    else:
        count = products_f[0, 0]
        x_x_d = np.diagonal(products_f[1:1 + D, 1:1 + D])
        x_d = products_f[1:1 + D, 0]
    log_psi = np.log(psi)
    inverse_psi = 1 / psi
    # laws without latents, and constants
    constant_part = (
        -0.5 * LOG_2PI * count
        - 0.5 * count * log_psi.sum()
        - 0.5 * LOG_2PI * D * count
        - 0.5 * (x_x_d @ inverse_psi)
    )
    log_likelihood += float(constant_part)
    return {"f_f_lm": f_f_lm, "f_x_ld": f_x_ld, "f_l": f_l, "count": count, "x_x_d": x_x_d, "x_d": x_d}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    count = statistics["count"]
    x_x_d = statistics["x_x_d"]
    x_d = statistics["x_d"]
    f_f_lm = statistics["f_f_lm"]
    f_x_ld = statistics["f_x_ld"]
    f_l = statistics["f_l"]
    m = params["m"]
    D = params["W"].shape[0]
    reference_m = m
    linear_W = f_x_ld.T
    # one linear system for W and m
    parts_W_m = solve_blocks([[f_f_lm, f_l], [f_l, count]], [linear_W, x_d], (D,), [(L,), ()])
    # W and m: maximises x_d m̃_d + f_x_ld W_dl − ½ count m̃_d m̃_d − f_l m̃_d W_dl − ½ f_f_lm W_dl W_dm
    W = parts_W_m[0]
    m = reference_m + parts_W_m[1]
    offset_m = m - reference_m
    # psi: maximises −½ count log psi_d − ½ x_x_d psi_d^-1 + x_d psi_d^-1 m̃_d + f_x_ld psi_d^-1 W_dl − ½ count
    # psi_d^-1 m̃_d m̃_d − f_l psi_d^-1 m̃_d W_dl − ½ f_f_lm psi_d^-1 W_dl W_dm
    psi = spread_root(
        (
            x_x_d
            - 2 * x_d * offset_m
            - 2 * np.einsum("ld,dl->d", f_x_ld, W)
            + count * offset_m * offset_m
            + 2 * (W @ f_l) * offset_m
            + np.einsum("lm,dl,dm->d", f_f_lm, W, W)
        ),
        count,
        1,
        "psi",
    )
    return {"W": W, "m": m, "psi": psi}


def objective(log_likelihood, params):
    """What the iteration maximises: the log likelihood."""
    return log_likelihood


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return {
        **data,
        "products.f": None if "f" in data else sum_products(*sweep_f(data, params)),
        "products.f.m": params["m"],
    }


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable, given the parameters."""
    N = data["x"].shape[0]
    check_weights(data, REFUSED_WEIGHTS)
    expected_f = expected_rows(*sweep_f(data, params))
    mean_f = expected_f[0:L].reshape(1, L, -1).sum(axis=0).T
    second_f = expected_f[L:L + L * L].reshape(1, L, L, -1).sum(axis=0)
    covariance_f = covariances(mean_f, second_f).reshape(N, L, L)
    return {"f": {"mean": mean_f.reshape(N, L), "cov": covariance_f}}


def estimates(params):
    """The parameters by name."""
    return {"W": params["W"], "m": params["m"], "psi": params["psi"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "W": np.asarray(estimates["W"], dtype=float),
        "m": np.asarray(estimates["m"], dtype=float),
        "psi": np.asarray(estimates["psi"], dtype=float),
    }
