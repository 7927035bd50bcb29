"""GmmFull, fitted by expectation maximisation."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

K = 2
PARAMETERS = ("mu", "pi", "Sigma")
SUPPORTS = {"pi": "simplex", "mu": "real", "Sigma": "cov"}
UPDATES = (("mu", ("mu",)), ("pi", ("pi",)), ("Sigma", ("Sigma",)))
OBJECTIVE = "log likelihood"
WEIGHTED = ("n", "k")
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    D = data["x"].shape[1]
    params = {
        "pi": np.full((K,), 1 / K),
        "mu": np.broadcast_to(np.nanmean(data["x"], axis=0), (K, D)),
        "Sigma": np.tile(np.eye(D), (K, 1, 1)),
    }
    start = {"z": seeded(sweep_z(data, params), rng, [*range(1, 1 + D)], data.get("z"))}
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_z(data, params, start=None):
    """Features and natural parameters of the rows of `z`: T = (1, x̃_d, x̃_d x̃_e)."""
    x = data["x"]
    pi = params["pi"]
    mu = params["mu"]
    Sigma = params["Sigma"]
    reference_mu = reference_points(params)["mu"]
    D = params["mu"].shape[1]
    N = data["x"].shape[0]
    log_pi = log_probability(pi)
    logdet_Sigma = log_determinant(Sigma)
    offset_mu = mu - reference_mu
    inverse_Sigma = inverse(Sigma)
    # coefficient of [z = k]
    natural_N_k = (
        log_pi
        - 0.5 * logdet_Sigma
        - 0.5 * LOG_2PI * D
        - 0.5 * np.einsum("kd,kde,ke->k", offset_mu, inverse_Sigma, offset_mu)
    )
    # coefficient of [z = k] x̃_d
    natural_x_kd = np.einsum("kde,ke->kd", inverse_Sigma, offset_mu)
    # coefficient of [z = k] x̃_d x̃_e
    natural_x_x_kde = -0.5 * inverse_Sigma
    naturals_of_z = np.zeros((K, 1 + D + D * (D + 1) // 2))
    naturals_of_z[:, 0] = natural_N_k
    naturals_of_z[:, 1:1 + D] = natural_x_kd
    naturals_of_z[:, 1 + D:1 + D + D * (D + 1) // 2] = pairs(natural_x_x_kde)

    def write(rows, group, out):
        # x̃: about the reference point
        x_centred = x[rows].T - reference_mu[group][:, None]
        out[1:1 + D] = x_centred
        write_pairs(x_centred, out[1 + D:1 + D + D * (D + 1) // 2])

    def expect(logits, rows):
        if "z" in data:
            labelled(logits.reshape((1, K, 1, -1)), data["z"][rows].reshape(-1))
        return softmax(logits)

    return (
        write,
        by_group(naturals_of_z, reference_mu),
        start.get("z", expect) if start else expect,
        N,
        1,
        data.get("weights.n"),
    )


def reference_points(params):
    """Points about which the statistics are taken: one for all states, or one for each where that would cancel."""
    mu = params["mu"]
    Sigma = params["Sigma"]
    reference_mu = np.broadcast_to(mu.mean(axis=0, keepdims=True), mu.shape)
    offset_mu = mu - reference_mu
    inverse_Sigma = inverse(Sigma)
    # squared standard deviations between each state and the common point
    spread = np.einsum("kd,kde,ke->k", offset_mu, inverse_Sigma, offset_mu)
    if np.max(spread) > 1e4:
        return {"mu": mu}
    return {"mu": reference_mu}


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    D = params["mu"].shape[1]
    sums_sweep_z, log_likelihood = sweep(*sweep_z(data, params, start))
    sums_sweep_z = sums_sweep_z.reshape(-1, sums_sweep_z.shape[-1])
    # N_k = Σ [z = k]
    N_k = sums_sweep_z[:, 0]
    # x_x_kde = Σ [z = k] x̃_d x̃_e
    x_x_kde = unpairs(sums_sweep_z[:, 1 + D:1 + D + D * (D + 1) // 2], D)
    # x_kd = Σ [z = k] x̃_d
    x_kd = sums_sweep_z[:, 1:1 + D]
    return {"N_k": N_k, "x_x_kde": x_x_kde, "x_kd": x_kd}, log_likelihood


def m_step(statistics, params):
    """Parameters that maximise the expected log joint, given its sufficient statistics."""
    N_k = statistics["N_k"]
    x_x_kde = statistics["x_x_kde"]
    x_kd = statistics["x_kd"]
    reference_mu = reference_points(params)["mu"]
    # mu: maximises x_ke mũ_ke − ½ N_k mũ_ke mũ_ke
    mu = reference_mu + quotient(x_kd, N_k[:, None])
    # pi: maximises N_k log pi_k
    pi = normalised(N_k)
    offset_mu = mu - reference_mu
    # Sigma: maximises −½ N_k log|Sigma|_k − ½ x_x_kde Sigma⁻¹_kde + x_kd Sigma⁻¹_kde mũ_ke − ½ N_k mũ_kd
    # Sigma⁻¹_kde mũ_ke
    Sigma = covariance(
        (
            x_x_kde
            - 2 * x_kd[:, :, None] * offset_mu[:, None, :]
            + N_k[:, None, None] * offset_mu[:, :, None] * offset_mu[:, None, :]
        ),
        N_k,
        "Sigma",
    )
    return {"pi": pi, "mu": mu, "Sigma": Sigma}


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
    expected_z = expected_rows(*sweep_z(data, params))
    probabilities_z = expected_z[:K].T.reshape(N, K)
    return {"z": {"probabilities": probabilities_z}}


def estimates(params):
    """The parameters by name."""
    return {"pi": params["pi"], "mu": params["mu"], "Sigma": params["Sigma"]}


def from_estimates(estimates, params):
    """Parameters with these estimates."""
    return {
        "pi": np.asarray(estimates["pi"], dtype=float),
        "mu": np.asarray(estimates["mu"], dtype=float),
        "Sigma": np.asarray(estimates["Sigma"], dtype=float),
    }
