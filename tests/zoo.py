"""Small models, each with a seeded generator of tiny data: what every check runs over.

Components are well apart and every sum small enough for brute force: rows are few, K <= 3, D <= 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.zoo_data import (
    binary,
    binomial,
    categories,
    chain,
    clusters,
    counts,
    crossed,
    effects,
    exposures,
    factors,
    families,
    genotypes,
    geometric,
    grouped,
    inflated,
    labels,
    line,
    multinomial,
    multivariate_regression,
    nested,
    paired_factors,
    positive,
    profiles,
    regression,
    three_clusters,
    two_factors,
    with_given,
    with_holes,
    without,
)

Data = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A model as text, constants to bind, and `data(rng)`. `bayesian`: every parameter has a conjugate prior."""

    name: str
    data: Callable[[np.random.Generator], Data]
    text: str
    constants: dict[str, float | int] = field(default_factory=dict)
    bayesian: bool = False

    def draw(self, seed: int = 0) -> Data:
        """The data of one seed."""
        return self.data(np.random.default_rng([seed, len(self.name)]))


# fmt: off
EXAMPLES: tuple[Example, ...] = (
    # Gaussian mixtures in six covariance structures
    Example("gmm_full", clusters(), text="""
        model GmmFull(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Sigma[k] : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
    """),
    Example("gmm_tied", clusters(), text="""
        model GmmTied(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Sigma : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma)
    """),
    Example("gmm_diagonal", clusters(), text="""
        model GmmDiagonal(K = 2)  plate n in N, k in K  plate d in D  param pi : simplex[K]  param mu[k, d] : real
        param v[k, d] : positive
        latent z[n] ~ Categorical(pi)  observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n], d])
    """),
    Example("gmm_tied_diagonal", clusters(), text="""
        model GmmTiedDiagonal(K = 2)  plate n in N, k in K  plate d in D  param pi : simplex[K]
        param mu[k, d] : real  param v[d] : positive
        latent z[n] ~ Categorical(pi)  observed x[n, d] ~ Normal(mu[z[n], d], var=v[d])
    """),
    Example("gmm_spherical", clusters(), text="""
        model GmmSpherical(K = 2)  plate n in N, k in K  plate d in D  param pi : simplex[K]  param mu[k, d] : real
        param v[k] : positive
        latent z[n] ~ Categorical(pi)  observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n]])
    """),
    Example("gmm_tied_spherical", three_clusters, text="""
        model GmmTiedSpherical(K = 3)  plate n in N, k in K  plate d in D  param pi : simplex[K]
        param mu[k, d] : real  param v : positive
        latent z[n] ~ Categorical(pi)  observed x[n, d] ~ Normal(mu[z[n], d], var=v)
    """),
    # the spread of a normal, four ways
    Example("gmm_precision", clusters(), text="""
        model GmmPrecision(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Lambda[k] : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], prec=Lambda[z[n]])
    """),
    Example("normal_mixture_sd", line(27, 3, 6.0), text="""
        model NormalMixtureSd(K = 3)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real
        param s[k] : positive
        latent z[n] ~ Categorical(pi)  observed x[n] ~ Normal(mu[z[n]], sd=s[z[n]])
    """),
    Example("normal_mixture_prec", line(), text="""
        model NormalMixturePrec(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real
        param tau : positive
        latent z[n] ~ Categorical(pi)  observed x[n] ~ Normal(mu[z[n]], prec=tau)
    """),
    # mixtures of other families
    Example("poisson_mixture", counts(), text="""
        model PoissonMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Poisson(rate[z[n]])
    """),
    Example("negative_binomials", counts(10), text="""
        model NegativeBinomials(K = 2)  plate n in N, k in K  param pi : simplex[K]  param m[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ NegBinomial(m[z[n]], size=49)
    """),
    Example("scaled_negative_binomials", counts(10), text="""
        model ScaledNegativeBinomials()  plate n in N  param p : unit  param m : positive ~ Gamma(2, rate=0.3)
        latent z[n] ~ Bernoulli(p)  observed y[n] ~ NegBinomial(m * (1 + 2 * z[n]), size=3)
    """),
    Example("exponential_mixture", positive(), text="""
        model ExponentialMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Exponential(rate=rate[z[n]])
    """),
    Example("geometric_mixture", geometric, text="""
        model GeometricMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param p[k] : unit
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Geometric(p[z[n]])
    """),
    Example("binomial_mixture", binomial, text="""
        model BinomialMixture(K = 2)  plate n in N, k in K  given trials[n] : count  param pi : simplex[K]
        param p[k] : unit
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Binomial(trials[n], p[z[n]])
    """),
    Example("bernoulli_mixture", binary(), text="""
        model BernoulliMixture(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]
        param p[k, j] : unit
        latent z[n] ~ Categorical(pi)  observed x[n, j] ~ Bernoulli(p[z[n], j])
    """),
    Example("latent_classes_missing", with_holes(binary()), text="""
        model LatentClassesMissing(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]
        param p[k, j] : unit
        latent z[n] ~ Categorical(pi)  observed x[n, j] missing ~ Bernoulli(p[z[n], j])
    """),
    Example("latent_classes_categorical", with_holes(categories, name="w"), text="""
        model LatentClasses(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]
        param theta[k, j] : simplex[3]
        latent z[n] ~ Categorical(pi)  observed w[n, j] missing ~ Categorical(theta[z[n], j])
    """),
    Example("categorical_mixture_words", categories, constants={"V": 3}, text="""
        model Words(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]  param theta[k] : simplex[V]
        latent z[n] ~ Categorical(pi)  observed w[n, j] ~ Categorical(theta[z[n]])
    """),
    Example("multinomial_mixture", multinomial, text="""
        model MultinomialMixture(K = 2)  plate n in N, k in K  given total[n] : count  param pi : simplex[K]
        param theta[k] : simplex[V]
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Multinomial(total[n], theta[z[n]])
    """),
    Example("gamma_mixture_known_shape", positive(), text="""
        model GammaMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Gamma(3, rate=rate[z[n]])
    """),
    Example("gamma_mixture_scale", positive(), text="""
        model GammaScaleMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param b[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Gamma(3, scale=b[z[n]])
    """),
    Example("gamma_mixture_unknown_shapes", positive(), text="""
        model GammaMixtureOfShapes(K = 2)  plate n in N, k in K  param pi : simplex[K]  param b[k] : positive
        param a[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Gamma(a[z[n]], scale=b[z[n]])
    """),
    Example("lognormal_mixture", positive(), text="""
        model LogNormalMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param m[k] : real
        param v[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ LogNormal(m[z[n]], var=v[z[n]])
    """),
    # regressions
    Example("regression_mixture_own_variance", regression(groups=2), text="""
        model RegressionMixture(K = 2)  plate n in N, k in K  given X[n] : real[P]  param pi : simplex[K]
        param b[k] : real[P]  param v[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Normal(X[n] @ b[z[n]], var=v[z[n]])
    """),
    Example("regression_mixture_shared_variance", regression(groups=2), text="""
        model RegressionMixtureShared(K = 2)  plate n in N, k in K  given X[n] : real[P]  param pi : simplex[K]
        param b[k] : real[P]  param s : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Normal(X[n] @ b[z[n]], sd=s)
    """),
    Example("regression", regression(p=3), text="""
        model Regression()  plate n in N  given X[n] : real[P]  param b : real[P]  param v : positive
        observed y[n] ~ Normal(X[n] @ b, var=v)
    """),
    Example("regression_let", regression(), text="""
        model RegressionLet()  plate n in N  given X[n] : real[P]  param b : real[P]  param s : positive
        let eta[n] = X[n] @ b
        observed y[n] ~ Normal(eta[n], sd=s)
    """),
    Example("multivariate_regression", multivariate_regression, text="""
        model MultivariateRegression()  plate n in N  given X[n] : real[P]  param B : real[2, P]
        param Sigma : cov[2]
        observed y[n] ~ MvNormal(B @ X[n], cov=Sigma)
    """),
    # several observed variables, several latents, nesting
    Example("mixed_families", families, text="""
        model MixedFamilies(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        param m[k] : real  param v : positive  param p[k] : unit  param decay[k] : positive
        latent z[n] ~ Categorical(pi)  observed count[n] ~ Poisson(rate[z[n]])
        observed size[n] ~ Normal(m[z[n]], var=v)  observed flag[n] ~ Bernoulli(p[z[n]])
        observed wait[n] ~ Exponential(rate=decay[z[n]])
    """),
    Example("two_latents", crossed, text="""
        model TwoLatents(K = 2, L = 2)  plate n in N, k in K, l in L  param pi : simplex[K]  param rho : simplex[L]
        param mu[k, l] : real  param v : positive
        latent z[n] ~ Categorical(pi)  latent w[n] ~ Categorical(rho)  observed x[n] ~ Normal(mu[z[n], w[n]], var=v)
    """),
    Example("latent_tree", without(families, "flag", "wait"), text="""
        model LatentTree(K = 2, L = 2)  plate n in N, k in K, l in L  param pi : simplex[K]
        param rho[k] : simplex[L]  param rate[k] : positive  param m[l] : real  param v : positive
        latent z[n] ~ Categorical(pi)  latent w[n] ~ Categorical(rho[z[n]])  observed count[n] ~ Poisson(rate[z[n]])
        observed size[n] ~ Normal(m[w[n]], var=v)
    """),
    Example("outer_latent", nested, text="""
        model OuterLatent(K = 2)  plate s in S, t in T, k in K  param pi : simplex[K]  param rate[k] : positive
        latent z[s] ~ Categorical(pi)  observed y[s, t] ~ Poisson(rate[z[s]])
    """),
    Example("inner_latent", nested, text="""
        model InnerLatent(K = 2)  plate s in S, t in T, k in K  param pi[s] : simplex[K]  param rate[k] : positive
        latent z[s, t] ~ Categorical(pi[s])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Example("nested_latents", nested, text="""
        model NestedLatents(K = 2, L = 2)  plate s in S, t in T, k in K, l in L  param pi : simplex[K]
        param rho[k] : simplex[L]  param rate[l] : positive
        latent z[s] ~ Categorical(pi)  latent w[s, t] ~ Categorical(rho[z[s]])
        observed y[s, t] ~ Poisson(rate[w[s, t]])
    """),
    Example("grouped_proportions", grouped, text="""
        model GroupedProportions(K = 2)  plate n in N, k in K, g in G  given group[n] : index[G]
        param pi[g] : simplex[K]  param rate[k] : positive
        latent z[n] ~ Categorical(pi[group[n]])  observed y[n] ~ Poisson(rate[z[n]])
    """),
    # no latents
    Example("normal", line(), text="""
        model Single()  plate n in N  param m : real  param v : positive
        observed x[n] ~ Normal(m, var=v)
    """),
    Example("multivariate_normal", clusters(), text="""
        model SingleVector()  plate n in N  param m : real[D]  param Sigma : cov[D]
        observed x[n] ~ MvNormal(m, cov=Sigma)
    """),
    Example("multinomial", multinomial, text="""
        model Bag()  plate n in N  given total[n] : count  param theta : simplex[V]
        observed y[n] ~ Multinomial(total[n], theta)
    """),
    Example("grouped_counts", grouped, text="""
        model GroupedCounts()  plate n in N, g in G  given group[n] : index[G]  param rate[g] : positive
        observed y[n] ~ Poisson(rate[group[n]])
    """),
    # real latents
    Example("factor_analysis", factors(24, 4, 0.8), text="""
        model FactorAnalysis(L = 1)  plate n in N, d in D  param W[d] : real[L]  param m[d] : real
        param psi[d] : positive
        latent f[n] ~ MvNormal(zeros(L), cov=eye(L))  observed x[n, d] ~ Normal(W[d] @ f[n] + m[d], var=psi[d])
    """),
    Example("factor_analysis_matrix", paired_factors, text="""
        model FactorAnalysisMatrix(L = 2)  plate n in N  param W : real[D, L]  param m : real[D]
        param psi : positive[D]
        latent f[n] ~ MvNormal(zeros(L), cov=eye(L))  observed x[n] ~ MvNormal(W @ f[n] + m, cov=diag(psi))
    """),
    Example("probabilistic_pca", factors(), text="""
        model Ppca(L = 1)  plate n in N, d in D  param W[d] : real[L]  param m[d] : real  param v : positive
        latent f[n] ~ MvNormal(0, cov=eye(L))  observed x[n, d] ~ Normal(W[d] @ f[n] + m[d], var=v)
    """),
    Example("factor_analysis_missing", with_holes(factors(), 0.15), text="""
        model FactorAnalysisMissing(L = 1)  plate n in N, d in D  param W[d] : real[L]  param m[d] : real
        param v : positive
        latent f[n] ~ MvNormal(0, cov=eye(L))  observed x[n, d] missing ~ Normal(W[d] @ f[n] + m[d], var=v)
    """),
    Example("factor_mixture", two_factors, text="""
        model FactorMixture(K = 2, L = 1)  plate n in N, k in K  plate d in D  param pi : simplex[K]
        param W[k, d] : real[L]  param m[k, d] : real  param v : positive
        latent z[n] ~ Categorical(pi)  latent f[n] ~ MvNormal(0, cov=eye(L))
        observed x[n, d] ~ Normal(W[z[n], d] @ f[n] + m[z[n], d], var=v)
    """),
    Example("random_intercept", effects, text="""
        model RandomIntercept()  plate s in S, t in T  param m : real  param tau : positive  param v : positive
        latent u[s] ~ Normal(m, var=tau)  observed y[s, t] ~ Normal(u[s], var=v)
    """),
    # missing data
    Example("mvnormal_missing", with_holes(factors(18, 3, 0.7), 0.15), text="""
        model MvNormalMissing()  plate n in N  param m : real[D]  param Sigma : cov[D]
        observed x[n] missing ~ MvNormal(m, cov=Sigma)
    """),
    Example("gmm_missing", with_holes(clusters(), 0.15), text="""
        model GmmMissing(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Sigma : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] missing ~ MvNormal(mu[z[n]], cov=Sigma)
    """),
    Example("gmm_diagonal_missing", with_holes(clusters(), 0.15), text="""
        model GmmDiagonalMissing(K = 2)  plate n in N, k in K  plate d in D  param pi : simplex[K]
        param mu[k, d] : real  param v[d] : positive
        latent z[n] ~ Categorical(pi)  observed x[n, d] missing ~ Normal(mu[z[n], d], var=v[d])
    """),
    # priors
    Example("gmm_map", with_given(clusters(), S0=np.array([[1.0, 0.3], [0.3, 0.8]])), bayesian=True, text="""
        model GmmMap(K = 2)  plate n in N, k in K  given S0 : cov[D]  param pi : simplex[K] ~ Dirichlet(2)
        param mu[k] : real[D] ~ MvNormal(0, cov=25*eye(D))  param Sigma[k] : cov[D] ~ InvWishart(5, scale=S0)
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
    """),
    Example("gmm_map_precision", clusters(), bayesian=True, text="""
        model GmmMapPrecision(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet([1.5, 2.5])
        param mu[k] : real[D] ~ MvNormal(1, cov=30*eye(D))  param Lambda[k] : cov[D] ~ Wishart(5, scale=eye(D)/5)
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], prec=Lambda[z[n]])
    """),
    Example("normal_mixture_map", line(), bayesian=True, text="""
        model NormalMixtureMap(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(2)
        param mu[k] : real ~ Normal(1, sd=5)  param tau[k] : positive ~ Gamma(2, rate=1.5)
        latent z[n] ~ Categorical(pi)  observed x[n] ~ Normal(mu[z[n]], prec=tau[z[n]])
    """),
    Example("normal_variance_map", line(), bayesian=True, text="""
        model NormalVarianceMap()  plate n in N  param m : real ~ Normal(0, var=9)
        param v : positive ~ InvGamma(2, scale=3)
        observed x[n] ~ Normal(m, var=v)
    """),
    Example("poisson_mixture_map", counts(8), bayesian=True, text="""
        model PoissonMixtureMap(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(1.5)
        param rate[k] : positive ~ Gamma(2, rate=0.5)
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Poisson(rate[z[n]])
    """),
    Example("bernoulli_mixture_map", binary(8, 3), bayesian=True, text="""
        model BernoulliMixtureMap(K = 2)  plate n in N, k in K, j in J  param pi : simplex[K] ~ Dirichlet(2)
        param p[k, j] : unit ~ Beta(2, 1.5)
        latent z[n] ~ Categorical(pi)  observed x[n, j] ~ Bernoulli(p[z[n], j])
    """),
    Example("regression_map", regression(), bayesian=True, text="""
        model RegressionMap()  plate n in N  given X[n] : real[P]  param b : real[P] ~ MvNormal(0, cov=4*eye(P))
        param tau : positive ~ Gamma(2, rate=1)
        observed y[n] ~ Normal(X[n] @ b, prec=tau)
    """),
    Example("poisson_counts_map", counts(), bayesian=True, text="""
        model PoissonCountsMap()  plate n in N  param rate : positive ~ Gamma(2, rate=0.5)
        observed y[n] ~ Poisson(rate)
    """),
    # weights, labels, held and shared parameters
    Example("weighted_gmm", with_given(clusters(18), **{"weights.n": np.array([1.0, 2.0, 0.5] * 6)}), text="""
        model WeightedGmm(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Sigma : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma)
    """),
    Example("weighted_poisson_mixture", with_given(counts(), **{"weights.n": np.array([1.0, 3.0] * 7)}), text="""
        model WeightedPoissonMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Poisson(rate[z[n]])
    """),
    Example("partial_labels", labels, text="""
        model PartialLabels(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real[D]
        param Sigma[k] : cov[D]
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
    """),
    Example("fixed_mean", line(), text="""
        model FixedMean(K = 2)  plate n in N, k in K  param pi : simplex[K]  param mu[k] : real  param v : positive
        fix mu[0] = sqrt(K) / 9
        latent z[n] ~ Categorical(pi)  observed x[n] ~ Normal(mu[z[n]], var=v)
    """),
    Example("fixed_zero", categories, text="""
        model FixedZero(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]
        param theta[k] : simplex[3]  fix theta[0, 2] = 0
        latent z[n] ~ Categorical(pi)  observed w[n, j] ~ Categorical(theta[z[n]])
    """),
    Example("fixed_proportions", counts(), text="""
        model FixedProportions(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
        fix pi = [1/3, 1 - 1/3]
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Poisson(rate[z[n]])
    """),
    Example("tied_rates", profiles, text="""
        model TiedRates(K = 2)  plate n in N, k in K  plate j in J  param pi : simplex[K]  param p[k] : unit
        latent z[n] ~ Categorical(pi)  observed x[n, j] ~ Bernoulli(p[z[n]])
    """),
    Example("exposures", exposures, text="""
        model Exposures(K = 2)  plate n in N, k in K  given e[n] : positive  param pi : simplex[K]
        param rate[k] : positive
        latent z[n] ~ Categorical(pi)  observed y[n] ~ Poisson(rate[z[n]] * e[n])
    """),
    # expressions inside laws
    Example("bernoulli_index", counts(), text="""
        model BernoulliIndex()  plate n in N, b in 2  param q : unit  param rate[b] : positive
        latent s[n] ~ Bernoulli(q)  observed y[n] ~ Poisson(rate[s[n]])
    """),
    Example("shift", line(), text="""
        model Shift()  plate n in N  param q : unit  param m : real  param h : real  param v : positive
        latent s[n] ~ Bernoulli(q)  observed x[n] ~ Normal(m + h * s[n], var=v)
    """),
    Example("zero_inflated", inflated, text="""
        model ZeroInflated()  plate n in N  param q : unit  param rate : positive
        latent s[n] ~ Bernoulli(q)  observed y[n] ~ switch(s[n], PointMass(0), Poisson(rate))
    """),
    Example("allele_frequencies", genotypes, text="""
        model AlleleFrequencies()  plate n in N  param p : unit
        observed g[n] ~ Categorical([p*p, 2*p*(1-p), (1-p)*(1-p)])
    """),
    # over time
    Example("poisson_chain", chain, text="""
        model PoissonChain(K = 2)  plate s in S, k in K  time t in T  param start : simplex[K]
        param A[k] : simplex[K]  param rate[k] : positive
        latent z[s, 0] ~ Categorical(start)  latent z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
)
# fmt: on

BY_NAME = {example.name: example for example in EXAMPLES}
