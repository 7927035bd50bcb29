"""NormalMixtureMap, fitted by variational Bayes."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from scipy.special import digamma, gammaln

K = 2
PARAMETERS = ("mu", "pi", "tau")
SUPPORTS = {
    "pi.concentration": "positive",
    "mu.mean": "real",
    "mu.precision": "positive",
    "tau.shape": "positive",
    "tau.rate": "positive",
}
UPDATES = (("mu", ("mu.mean", "mu.precision")), ("pi", ("pi.concentration",)), ("tau", ("tau.shape", "tau.rate")))
OBJECTIVE = "evidence lower bound"
WEIGHTED = ("n",)
LOG_2PI = np.log(2 * np.pi)


def initialise(data, rng):
    """One random start: rows shared out among seeds that lie apart, then two M-steps."""
    params = {
        "pi.concentration": K * np.full((K,), 1 / K),
        "mu.mean": np.broadcast_to(np.nanmean(data["x"], axis=0), (K,)),
        "mu.precision": np.ones((K,)),
        "tau.shape": 3 * np.ones((K,)),
        "tau.rate": 3 * np.ones((K,)),
    }
    start = {"z": seeded(sweep_z(data, params), rng, [*range(1, 2)], data.get("z"))}
    for _ in range(2):
        params = m_step(e_step(data, params, start)[0], params)
    return params


def sweep_z(data, params, start=None):
    """Features and natural parameters of the rows of `z`: T = (1, x̃, x̃ x̃)."""
    x = data["x"]
    pi_concentration = params["pi.concentration"]
    mu = params["mu.mean"]
    mu_precision = params["mu.precision"]
    tau_shape = params["tau.shape"]
    tau_rate = params["tau.rate"]
    reference_mu = reference_points(params)["mu"]
    N = data["x"].shape[0]
    expected_log_pi = expected_log(pi_concentration)
    expected_log_tau = digamma(tau_shape) - np.log(tau_rate)
    offset_mu = mu - reference_mu
    covariance_mu = 1 / mu_precision
    second_offset_mu = offset_mu**2 + covariance_mu
    expected_value_tau = tau_shape / tau_rate
    # coefficient of [z = k]
    natural_N_k = expected_log_pi + 0.5 * expected_log_tau - 0.5 * LOG_2PI - 0.5 * second_offset_mu * expected_value_tau
    # coefficient of [z = k] x̃
    natural_x_k = expected_value_tau * offset_mu
    # coefficient of [z = k] x̃ x̃
    natural_x_x_k = -0.5 * expected_value_tau
    naturals_of_z = np.zeros((K, 3))
    naturals_of_z[:, 0] = natural_N_k
    naturals_of_z[:, 1] = natural_x_k
    naturals_of_z[:, 2] = natural_x_x_k

    def write(rows, group, out):
        # x̃: about the reference point
        x_centred = x[rows] - reference_mu[group]
        out[1] = x_centred
        out[2] = x_centred**2

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
    mu = params["mu.mean"]
    mu_precision = params["mu.precision"]
    tau_shape = params["tau.shape"]
    tau_rate = params["tau.rate"]
    reference_mu = np.broadcast_to(mu.mean(axis=0, keepdims=True), mu.shape)
    offset_mu = mu - reference_mu
    covariance_mu = 1 / mu_precision
    second_offset_mu = offset_mu**2 + covariance_mu
    expected_value_tau = tau_shape / tau_rate
    # squared standard deviations between each state and the common point
    spread = second_offset_mu * expected_value_tau
    if np.max(spread) > 1e4:
        return {"mu": mu}
    return {"mu": reference_mu}


def e_step(data, params, start=None):
    """Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.
    `start`: expectations to use in place of the posterior, for starting values.
    """
    sums_sweep_z, log_likelihood = sweep(*sweep_z(data, params, start))
    sums_sweep_z = sums_sweep_z.reshape(-1, sums_sweep_z.shape[-1])
    # N_k = Σ [z = k]
    N_k = sums_sweep_z[:, 0]
    # x_x_k = Σ [z = k] x̃ x̃
    x_x_k = sums_sweep_z[:, 2]
    # x_k = Σ [z = k] x̃
    x_k = sums_sweep_z[:, 1]
    return {"N_k": N_k, "x_x_k": x_x_k, "x_k": x_k}, log_likelihood


def m_step(statistics, params):
    """Posteriors of the parameters, and estimates of those without a prior, given the sufficient statistics."""
    N_k = statistics["N_k"]
    x_x_k = statistics["x_x_k"]
    x_k = statistics["x_k"]
    tau_shape = params["tau.shape"]
    tau_rate = params["tau.rate"]
    reference_mu = reference_points(params)["mu"]
    prior_centred = reference_mu - 1
    expected_value_tau = tau_shape / tau_rate
    # mu: q ∝ exp of the expectation of −0.04 prior̃_k mũ_k − 0.02 mũ_k mũ_k + x_k tau_k mũ_k − ½ N_k tau_k
    # mũ_k mũ_k
    mu = reference_mu + quotient(x_k * expected_value_tau - 0.04 * prior_centred, 0.04 + N_k * expected_value_tau)
    mu_precision = 0.04 + N_k * expected_value_tau
    # pi: q ∝ exp of the expectation of log pi_d + N_k log pi_k
    pi_concentration = 2 + N_k
    offset_mu = mu - reference_mu
    covariance_mu = 1 / mu_precision
    second_offset_mu = offset_mu**2 + covariance_mu
    # tau: q ∝ exp of the expectation of log tau_k − 3/2 tau_k + ½ N_k log tau_k − ½ x_x_k tau_k + x_k tau_k mũ_k −
    # ½ N_k tau_k mũ_k mũ_k
    tau_shape = 2 + 0.5 * N_k
    tau_rate = 1.5 + 0.5 * x_x_k - x_k * offset_mu + 0.5 * second_offset_mu * N_k
    return {
        "pi.concentration": pi_concentration,
        "mu.mean": mu,
        "mu.precision": mu_precision,
        "tau.shape": tau_shape,
        "tau.rate": tau_rate,
    }


def objective(log_likelihood, params):
    """The evidence lower bound: the expected log joint plus the entropies of the posteriors."""
    pi_concentration = params["pi.concentration"]
    mu = params["mu.mean"]
    mu_precision = params["mu.precision"]
    tau_shape = params["tau.shape"]
    tau_rate = params["tau.rate"]
    reference_mu = params["mu.mean"]
    expected_log_pi = expected_log(pi_concentration)
    prior_centred = reference_mu - 1
    offset_mu = mu - reference_mu
    covariance_mu = 1 / mu_precision
    second_offset_mu = offset_mu**2 + covariance_mu
    expected_log_tau = digamma(tau_shape) - np.log(tau_rate)
    expected_value_tau = tau_shape / tau_rate
    expected_log_prior = (
        1.7917594692280554
        + expected_log_pi.sum()
        - 1.7174462294224444 * K
        - 0.02 * (prior_centred @ prior_centred)
        - 0.02 * second_offset_mu.sum()
        + expected_log_tau.sum()
        - 1.5 * expected_value_tau.sum()
    )
    entropy = (
        dirichlet_entropy(pi_concentration)
        + gaussian_entropy(mu, mu_precision, 0)
        + gamma_entropy(tau_shape, tau_rate, 1)
    )
    return log_likelihood + float(expected_log_prior) + float(entropy)


def prepare(data, params):
    """The data, and sums over its rows that stay the same in every iteration."""
    return dict(data)


def fit(data, params, max_iter=1000, tol=1e-8):
    """Iterate from `params`: (params, history), the history holding the objective after each M-step."""
    return iterate(prepare(data, params), params, max_iter, tol, e_step, m_step, objective)


def posterior(data, params):
    """What the data say of each latent variable and parameter."""
    N = data["x"].shape[0]
    expected_z = expected_rows(*sweep_z(data, params))
    probabilities_z = expected_z[:K].T.reshape(N, K)
    return {
        "z": {"probabilities": probabilities_z},
        "pi": {
            "mean": normalised(params["pi.concentration"]),
            "concentration": params["pi.concentration"],
            "var": dirichlet_variance(params["pi.concentration"]),
        },
        "mu": {"mean": params["mu.mean"], "precision": params["mu.precision"], "var": 1 / params["mu.precision"]},
        "tau": {
            "mean": params["tau.shape"] / params["tau.rate"],
            "shape": params["tau.shape"],
            "rate": params["tau.rate"],
            "var": power_variance(params["tau.shape"], params["tau.rate"], 1.0),
        },
    }


def estimates(params):
    """The parameters by name, at their posterior means."""
    return {
        "pi": normalised(params["pi.concentration"]),
        "mu": params["mu.mean"],
        "tau": params["tau.shape"] / params["tau.rate"],
    }


def from_estimates(estimates, params):
    """Parameters with these estimates: posteriors keep their spread and move their means."""
    return {
        "pi.concentration": estimates["pi"] * params["pi.concentration"].sum(axis=-1, keepdims=True),
        "mu.mean": np.asarray(estimates["mu"], dtype=float),
        "mu.precision": params["mu.precision"],
        "tau.shape": params["tau.shape"],
        "tau.rate": params["tau.shape"] / estimates["tau"],
    }
