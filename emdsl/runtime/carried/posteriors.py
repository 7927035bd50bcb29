"""Moments and entropies of the posteriors of parameters. [Bishop2006, appendix B]"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, digamma, gammaln, i0e

from emdsl.runtime.carried.matrices import log_determinant


def expected_log(concentration: np.ndarray) -> np.ndarray:
    """E log π under Dirichlet(concentration), the categories last."""
    return digamma(concentration) - digamma(concentration.sum(axis=-1, keepdims=True))


def counted(values: np.ndarray, counts: np.ndarray | None) -> float:
    """The sum of values, each as often as it counts; once without counts, which then are None."""
    return float(np.sum(values if counts is None else values * counts))


def or_given(expected: np.ndarray, given: np.ndarray) -> np.ndarray:
    """What is given, and where that is missing what is expected."""
    return np.where(np.isnan(given), expected, given)


def times_standing(missing: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """How often missing entries count; once without counts."""
    return missing if counts is None else missing * counts


def dirichlet_entropy(concentration: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Entropies of Dirichlet laws, summed as often as they count."""
    total = concentration.sum(axis=-1)
    normaliser = gammaln(concentration).sum(axis=-1) - gammaln(total)
    return counted(normaliser - ((concentration - 1) * expected_log(concentration)).sum(axis=-1), counts)


def dirichlet_log_partition(concentration: np.ndarray) -> np.ndarray:
    """log ∫ Π π_k**(concentration_k − 1) dπ."""
    return gammaln(concentration).sum(axis=-1) - gammaln(concentration.sum(axis=-1))


def beta_log_partition(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log ∫ p**(a − 1) (1 − p)**(b − 1) dp."""
    return betaln(a, b)


def gamma_log_partition(shape: np.ndarray, rate: np.ndarray, power: float) -> np.ndarray:
    """log ∫ v**(power · shape − 1) exp(−rate · v**power) dv."""
    return gammaln(shape) - shape * np.log(rate) - np.log(abs(power))


def wishart_log_partition(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """log ∫ |Λ|**((df − d − 1) / 2) exp(−½ tr(scale⁻¹ Λ)) dΛ."""
    d = scale.shape[-1]
    return df / 2 * (d * np.log(2) + log_determinant(scale)) + multigammaln_array(df / 2, d)


def inverse_wishart_log_partition(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """log ∫ |Σ|**(−(df + d + 1) / 2) exp(−½ tr(scale Σ⁻¹)) dΣ."""
    d = scale.shape[-1]
    return df / 2 * (d * np.log(2) - log_determinant(scale)) + multigammaln_array(df / 2, d)


def beta_entropy(a: np.ndarray, b: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Entropies of Beta laws, summed as often as they count."""
    value = betaln(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)
    return counted(value, counts)


def power_moment(shape: np.ndarray, rate: np.ndarray, order: float) -> np.ndarray:
    """E u**order for u ~ Gamma(shape, rate); infinite where it does not exist."""
    exists = shape + order > 0
    safe = np.where(exists, shape, 1.0 - order)
    return np.where(exists, np.exp(gammaln(safe + order) - gammaln(safe) - order * np.log(rate)), np.inf)


def gamma_entropy(shape: np.ndarray, rate: np.ndarray, power: float, counts: np.ndarray | None = None) -> float:
    """Entropies, summed as often as they count, of v where v**power ~ Gamma(shape, rate)."""
    log_u = digamma(shape) - np.log(rate)
    of_u = shape - np.log(rate) + gammaln(shape) + (1 - shape) * digamma(shape)
    return counted(of_u - np.log(abs(power)) + (1 / power - 1) * log_u, counts)


def polya_gamma_mean(trials: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """E v = b tanh(c/2) / (2c) under PG(b, c), c² = tilt. [Polson2013]"""
    c = np.sqrt(np.maximum(tilt, 0.0))
    small = c < 1e-3
    ratio = np.tanh(c / 2) / np.where(small, 1.0, 2 * c)
    return trials * np.where(small, 0.25 - tilt / 48, ratio)


def polya_gamma_log_partition(trials: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """log E exp(−tilt v / 2) under PG(b, 0): −b log cosh(c/2)."""
    c = np.sqrt(np.maximum(tilt, 0.0))
    return trials * (np.log(2) - c / 2 - np.log1p(np.exp(-c)))


def polya_gamma_entropy(trials: np.ndarray, tilt: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Minus the divergences of PG(b, c) from PG(b, 0), summed as often as they count."""
    relative = polya_gamma_log_partition(trials, tilt) + tilt / 2 * polya_gamma_mean(trials, tilt)
    return counted(relative, counts)


def expected_logdet(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """E log|Λ| under Wishart(df, scale): (…) from df (…) and scale (…, d, d)."""
    d = scale.shape[-1]
    return multidigamma(df, d) + d * np.log(2) + log_determinant(scale)


def multidigamma(df: np.ndarray, d: int) -> np.ndarray:
    """Σ_i digamma((df − i) / 2), i < d."""
    return digamma((np.asarray(df)[..., None] - np.arange(d)) / 2).sum(axis=-1)


def multigammaln_array(a: np.ndarray, d: int) -> np.ndarray:
    """log Γ_d(a) for arrays."""
    return d * (d - 1) / 4 * np.log(np.pi) + gammaln(np.asarray(a)[..., None] - np.arange(d) / 2).sum(axis=-1)


def log_bessel_i0(x: np.ndarray) -> np.ndarray:
    """log I₀(x), of the modified Bessel function."""
    return np.log(i0e(x)) + np.abs(x)


def wishart_entropy(df: np.ndarray, scale: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Entropies of Wishart(df, scale), summed as often as they count."""
    d = scale.shape[-1]
    logs = log_determinant(scale)
    value = (d + 1) / 2 * logs + d * (d + 1) / 2 * np.log(2) + multigammaln_array(df / 2, d)
    return counted(value - (df - d - 1) / 2 * multidigamma(df, d) + df * d / 2, counts)


def inverse_wishart_entropy(df: np.ndarray, scale: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Entropies of inverse Wishart(df, scale), summed as often as they count."""
    d = scale.shape[-1]
    logs = log_determinant(scale)
    value = (d + 1) / 2 * logs + multigammaln_array(df / 2, d) + df * d / 2 - d * (d + 1) / 2 * np.log(2)
    return counted(value - (df + d + 1) / 2 * multidigamma(df, d), counts)


def gaussian_entropy(mean: np.ndarray, precision: np.ndarray, joint: int) -> float:
    """Entropies, summed, of Gaussians; the precision has the last `joint` axes of the mean twice, in units of a spread.

    An axis of the mean that the precision lacks repeats it.
    """
    if joint == 0:
        logs = np.log(precision)
        size = precision.size
    else:
        inner = precision.shape[precision.ndim - joint :]
        size = precision.size // int(np.prod(inner))
        batch = precision.shape[: precision.ndim - 2 * joint]
        width = int(np.prod(inner))
        logs = log_determinant(precision.reshape((*batch, width, width)))
    return float(mean.size / 2 * (1 + np.log(2 * np.pi)) - 0.5 * (mean.size // size) * np.sum(logs))


def wishart_mean(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """df · scale."""
    return np.asarray(df)[..., None, None] * scale


def wishart_scale(df: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The scale of a Wishart law with this mean."""
    return mean / np.asarray(df)[..., None, None]


def inverse_wishart_mean(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """scale / (df − d − 1)."""
    return scale / (np.asarray(df) - scale.shape[-1] - 1)[..., None, None]


def inverse_wishart_scale(df: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The scale of an inverse Wishart law with this mean."""
    return mean * (np.asarray(df) - mean.shape[-1] - 1)[..., None, None]


def dirichlet_variance(concentration: np.ndarray) -> np.ndarray:
    """Var π_k = m_k (1 − m_k) / (1 + Σ concentration), m the mean."""
    total = concentration.sum(axis=-1, keepdims=True)
    mean = concentration / total
    return mean * (1 - mean) / (1 + total)


def beta_variance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Var p = m (1 − m) / (1 + a + b), m the mean."""
    mean = a / (a + b)
    return mean * (1 - mean) / (1 + a + b)


def power_variance(shape: np.ndarray, rate: np.ndarray, order: float) -> np.ndarray:
    """Var u**order for u ~ Gamma(shape, rate); infinite where it does not exist."""
    second = power_moment(shape, rate, 2 * order)
    return np.where(np.isfinite(second), second - power_moment(shape, rate, order) ** 2, np.inf)


def mixed_moments(
    probability: np.ndarray, mean: np.ndarray, variance: np.ndarray, states: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a mixture, over the first `states` axes; a state of probability 0 has no say.

    probability: (state…, row…). mean, variance: (state…, row…, entry…), infinite where they do not exist.
    """
    axes = tuple(range(states))
    weight = np.broadcast_to(probability.reshape(probability.shape + (1,) * (mean.ndim - probability.ndim)), mean.shape)
    first = np.where(weight > 0, mean, 0.0)
    second = np.where(weight > 0, variance, 0.0)
    centre = (weight * first).sum(axis=axes)
    apart = np.where(np.isfinite(first) & np.isfinite(centre), first - centre, 0.0)
    return centre, (weight * (second + apart**2)).sum(axis=axes)
