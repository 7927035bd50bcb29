"""Small networks of latents, with tiny data: latents coupled within rows, through plates and index arrays, over time.

`exact` says that the posterior of the latents has a closed form or a finite sum: EM is exact there, and everything is
held against brute force. The others have a bound only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.zoo import Example
from tests.zoo_augmented import AUGMENTED, AUGMENTED_BOUNDED
from tests.zoo_choices import CHOICES
from tests.zoo_data import factors, with_given
from tests.zoo_holes import BOUNDED, HOLES
from tests.zoo_lags import LAGS
from tests.zoo_networks_data import (
    autoregression,
    bags,
    blood,
    chain_labels,
    chained_successes,
    counted,
    counts_table,
    disease,
    drifting,
    exposed,
    factor_groups,
    flips,
    genotypes,
    grouped_values,
    holed,
    joined,
    known,
    letters,
    levels,
    line_through_zero,
    linkage,
    mixing,
    nested_walks,
    network,
    only,
    outliers,
    pairs,
    ragged,
    raters,
    ratings,
    regressions_over_time,
    schools,
    sentences,
    series,
    slopes_over_time,
    successes,
    symptoms,
    tracks,
    tracks_alone,
    trees,
    two_levels,
    walk,
    weighted_groups,
    words,
)
from tests.zoo_orders import ORDERS


@dataclass(frozen=True)
class Network(Example):
    """`exact`: the posterior of the latents is exact."""

    exact: bool = True


START = "param start : simplex[K]  param A[k] : simplex[K]"
CHAIN = "latent z[s, 0] ~ Categorical(start)  latent z[s, t] ~ Categorical(A[z[s, t-1]])"

# fmt: off
NETWORKS: tuple[Network, ...] = (
    # several discrete latents in each row
    Network("row_chain", joined(levels("x", "y"), flips("u", "v")), text="""
        model RowChain(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param Q[k] : simplex[K]  param m[k] : real  param v0 : positive  param p[k] : unit  param q[k] : unit
        param h[k] : real
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])  latent c[n] ~ Categorical(Q[b[n]])
        observed x[n] ~ Normal(m[a[n]], var=v0)  observed u[n] ~ Bernoulli(p[b[n]])
        observed v[n] ~ Bernoulli(q[c[n]])  observed y[n] ~ Normal(h[c[n]], var=1)
    """),
    Network("row_chain_of_four", flips("x", "y", "u", "v", n=14), text="""
        model RowChainOfFour(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param e : unit
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])
        latent c[n] ~ Categorical(P[b[n]])  latent d[n] ~ Categorical(P[c[n]])
        observed x[n] ~ Bernoulli(e + (1 - 2*e) * a[n])  observed y[n] ~ Bernoulli(e + (1 - 2*e) * b[n])
        observed u[n] ~ Bernoulli(e + (1 - 2*e) * c[n])  observed v[n] ~ Bernoulli(e + (1 - 2*e) * d[n])
    """),
    Network("phylogeny", trees(), text="""
        model Phylogeny(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param Q[k] : simplex[K]
        latent root[n] ~ Categorical(pi)  latent left[n] ~ Categorical(P[root[n]])
        latent right[n] ~ Categorical(P[root[n]])  observed a[n] ~ Categorical(Q[left[n]])
        observed b[n] ~ Categorical(Q[left[n]])  observed c[n] ~ Categorical(Q[right[n]])
        observed d[n] ~ Categorical(Q[right[n]])
    """),
    Network("tree_of_five", joined(trees(), levels("x", n=10)), text="""
        model TreeOfFive(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param Q[k] : simplex[K]  param m[k] : real  param v : positive
        latent r[n] ~ Categorical(pi)  latent s[n] ~ Categorical(P[r[n]])  latent t[n] ~ Categorical(P[r[n]])
        latent u[n] ~ Categorical(Q[s[n]])  latent w[n] ~ Categorical(Q[s[n]])
        observed a[n] ~ Categorical(Q[u[n]])  observed b[n] ~ Categorical(Q[w[n]])
        observed c[n] ~ Categorical(P[t[n]])  observed d[n] ~ Categorical(P[t[n]])
        observed x[n] ~ Normal(m[t[n]], var=v)
    """),
    Network("branch_lengths", trees(), text="""
        model BranchLengths()  plate n in N, j in 4  param e[j] : unit
        latent root[n] ~ Bernoulli(0.5)  latent left[n] ~ Bernoulli(e[0] + (1 - 2*e[0]) * root[n])
        observed a[n] ~ Bernoulli(e[1] + (1 - 2*e[1]) * left[n])
        observed b[n] ~ Bernoulli(e[2] + (1 - 2*e[2]) * left[n])
        observed c[n] ~ Bernoulli(e[3] + (1 - 2*e[3]) * root[n])
        observed d[n] ~ Bernoulli(e[3] + (1 - 2*e[3]) * root[n])
    """),
    Network("diamond", joined(levels("x", "y"), flips("u", "w")), text="""
        model Diamond(K = 2)  plate n in N, k in K  plate j in K, l in K  param pi : simplex[K]
        param P[k] : simplex[K]  param Q[k] : simplex[K]  param R[j, l] : simplex[K]  param m[k] : real
        param v : positive  param p[k] : unit
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])  latent c[n] ~ Categorical(Q[a[n]])
        latent d[n] ~ Categorical(R[b[n], c[n]])  observed x[n] ~ Normal(m[b[n]], var=v)
        observed y[n] ~ Normal(m[d[n]], var=v)  observed u[n] ~ Bernoulli(p[a[n]])
        observed w[n] ~ Bernoulli(p[c[n]])
    """),
    Network("noisy_or", disease, text="""
        model NoisyOr()  plate n in N  given a[n] : index[2]  given b[n] : index[2]
        param p : unit  param q : unit  param leak : unit
        latent u[n] ~ Bernoulli(p * a[n])  latent w[n] ~ Bernoulli(q * b[n])  latent s[n] ~ Bernoulli(leak)
        observed y[n] ~ PointMass(1 - (1 - u[n]) * (1 - w[n]) * (1 - s[n]))
    """),
    Network("noisy_or_written_out", disease, text="""
        model NoisyOrWrittenOut()  plate n in N  given a[n] : index[2]  given b[n] : index[2]
        param p : unit  param q : unit  param leak : unit
        observed y[n] ~ Bernoulli(1 - (1 - leak) * (1 - p * a[n]) * (1 - q * b[n]))
    """),
    Network("seasonal", lambda rng: {"y": rng.normal(size=7) + np.tile([1.0, 2.0, -3.0], 3)[:7]}, text="""
        model Seasonal()  time t in T  param q : positive ~ InvGamma(2, scale=1)
        param s : positive ~ InvGamma(2, scale=1)  param r : positive ~ InvGamma(2, scale=1)
        latent l[0] ~ Normal(0, var=9)  latent l[t] ~ Normal(l[t-1], var=q)
        latent g[0] : real[2] ~ MvNormal(zeros(2), cov=4*eye(2))
        latent g[t] ~ MvNormal([[-1, -1], [1, 0]] @ g[t-1], cov=diag([s, 0.01]))
        observed y[t] ~ Normal(l[t] + g[t, 0], var=r)
    """),
    Network("heterozygous", lambda rng: {"y": np.array([4, 9, 2])}, text="""
        model Heterozygous(n = 15)  param p : unit  param f : unit
        observed y ~ Multinomial(n, [p**2 + f*p*(1 - p), 2*p*(1 - p)*(1 - f), (1 - p)**2 + f*p*(1 - p)])
    """),
    Network("noisy_or_hidden", symptoms, text="""
        model NoisyOrHidden()  plate n in N, j in J  param pa : unit  param pb : unit  param p[j] : unit
        param q[j] : unit
        latent a[n] ~ Bernoulli(pa)  latent b[n] ~ Bernoulli(pb)
        latent u[n, j] ~ Bernoulli(p[j] * a[n])  latent w[n, j] ~ Bernoulli(q[j] * b[n])
        latent s[n, j] ~ Bernoulli(0.05)
        observed y[n, j] ~ PointMass(1 - (1 - u[n, j]) * (1 - w[n, j]) * (1 - s[n, j]))
    """),
    Network("row_chain_missing", holed(holed(levels("x", "y"), "x", (0,), (3,), (7,)), "y", (0,), (4,)), text="""
        model RowChainMissing(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param m[k] : real  param h[k] : real  param v : positive
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])
        observed x[n] missing ~ Normal(m[a[n]], var=v)  observed y[n] missing ~ Normal(h[b[n]], var=v)
    """),
    Network("row_chain_labels", known(levels("x", "y"), "b", {0: 0, 3: 1, 4: 0, 9: 1}), text="""
        model RowChainLabels(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param m[k] : real  param h[k] : real  param v : positive
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])
        observed x[n] ~ Normal(m[a[n]], var=v)  observed y[n] ~ Normal(h[b[n]], var=v)
    """),
    Network("row_chain_map", levels("x", "y"), bayesian=True, text="""
        model RowChainMap(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(2)
        param P[k] : simplex[K] ~ Dirichlet(1.5)  param m[k] : real ~ Normal(0, sd=6)
        param h[k] : real ~ Normal(1, sd=5)  param tau : positive ~ Gamma(2, rate=1)
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])
        observed x[n] ~ Normal(m[a[n]], prec=tau)  observed y[n] ~ Normal(h[b[n]], prec=tau)
    """),
    Network("row_pair_weighted", with_given(levels("x", "y"), **{"weights.n": np.tile([1.0, 2.0, 0.5], 4)}), text="""
        model RowPairWeighted(K = 2)  plate n in N, k in K  param pi : simplex[K]  param P[k] : simplex[K]
        param m[k] : real  param h[k] : real  param v : positive
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])
        observed x[n] ~ Normal(m[a[n]], var=v)  observed y[n] ~ Normal(h[b[n]], var=v)
    """),
    # latents of groups and latents within them
    Network("documents", letters(6, 4, name="w"), text="""
        model Documents(C = 2, K = 2)  plate d in D, n in N, c in C, k in K  param rho : simplex[C]
        param theta[c] : simplex[K]  param phi[k] : simplex[3]
        latent g[d] ~ Categorical(rho)  latent z[d, n] ~ Categorical(theta[g[d]])
        observed w[d, n] ~ Categorical(phi[z[d, n]])
    """),
    Network("documents_by_index", words, text="""
        model DocumentsByIndex(C = 2, K = 2)  plate d in D, i in I, c in C, k in K  given doc[i] : index[D]
        param rho : simplex[C]  param theta[c] : simplex[K]  param phi[k] : simplex[3]
        latent g[d] ~ Categorical(rho)  latent z[i] ~ Categorical(theta[g[doc[i]]])
        observed w[i] ~ Categorical(phi[z[i]])
    """),
    Network("documents_ragged", ragged(letters(5, 4, name="w"), (3, 1, 4, 2, 4), "w"), text="""
        model DocumentsRagged(C = 2, K = 2)  plate d in D, c in C, k in K  plate n in Words[d]
        param rho : simplex[C]  param theta[c] : simplex[K]  param phi[k] : simplex[3]
        latent g[d] ~ Categorical(rho)  latent z[d, n] ~ Categorical(theta[g[d]])
        observed w[d, n] ~ Categorical(phi[z[d, n]])
    """),
    Network("documents_weighted", with_given(letters(6, 3, name="w"), **{"weights.d": np.tile([1.0, 3.0], 3)}), text="""
        model DocumentsWeighted(C = 2, K = 2)  plate d in D, n in N, c in C, k in K  param rho : simplex[C]
        param theta[c] : simplex[K] ~ Dirichlet(2)  param phi[k] : simplex[3] ~ Dirichlet(1.5)
        latent g[d] ~ Categorical(rho)  latent z[d, n] ~ Categorical(theta[g[d]])
        observed w[d, n] ~ Categorical(phi[z[d, n]])
    """),
    Network("dawid_skene", raters, text="""
        model DawidSkene(K = 2)  plate i in I, r in R, a in A, k in K  given item[a] : index[I]
        given rater[a] : index[R]  param pi : simplex[K]  param conf[r, k] : simplex[2]
        latent t[i] ~ Categorical(pi)  observed y[a] ~ Categorical(conf[rater[a], t[item[a]]])
    """),
    Network("alignment", sentences, text="""
        model Alignment()  plate s in S, v in V  plate i in I[s]  plate j in J[s]  given e[s, i] : index[V]
        param trans[v] : simplex[3]
        latent a[s, j] ~ Categorical(ones(I[s]) / I[s])  observed f[s, j] ~ Categorical(trans[e[s, a[s, j]]])
    """),
    # deterministic maps and structured probabilities
    Network("phenotype", with_given(letters(14, states=2), phenotype=np.array([0, 1, 1])), text="""
        model Phenotype()  plate n in N, g in G  given phenotype[g] : index[2]  param p : unit
        latent z[n] ~ Categorical([p*p, 2*p*(1-p), (1-p)*(1-p)])  observed y[n] ~ PointMass(phenotype[z[n]])
    """),
    Network("alleles", blood, text="""
        model Alleles()  plate n in N, a in 3, b in 3  given blood[a, b] : index[4]  param q : simplex[3]
        latent m[n] ~ Categorical(q)  latent f[n] ~ Categorical(q)  observed y[n] ~ PointMass(blood[m[n], f[n]])
    """),
    Network("deterministic_latent", with_given(levels("x", "y"), kind=np.array([0, 0, 1])), text="""
        model DeterministicLatent()  plate n in N, g in 3, k in 2  given kind[g] : index[2]  param pi : simplex[3]
        param m[k] : real  param h[g] : real  param v : positive
        latent z[n] ~ Categorical(pi)  latent c[n] ~ PointMass(kind[z[n]])
        observed x[n] ~ Normal(m[c[n]], var=v)  observed y[n] ~ Normal(h[z[n]], var=v)
    """),
    Network("populations", genotypes, text="""
        model Populations(K = 2)  plate n in N, j in J, k in K  param pi : simplex[K]  param p[k, j] : unit
        latent z[n] ~ Categorical(pi)
        observed g[n, j] ~ Categorical([(1-p[z[n], j])**2, 2*p[z[n], j]*(1-p[z[n], j]), p[z[n], j]**2])
    """),
    Network("linkage", lambda rng: {"y": np.array([125, 18, 20, 34])}, text="""
        model Linkage()  param t : unit
        observed y ~ Multinomial(197, [1/2 + t/4, (1-t)/4, (1-t)/4, t/4])
    """),
    Network("linkage_rows", linkage, text="""
        model LinkageRows()  plate n in N  given total[n] : count  param t : unit
        let p = [1/2 + t/4, (1-t)/4, (1-t)/4, t/4]  observed y[n] ~ Multinomial(total[n], p)
    """),
    Network("abo", lambda rng: {"y": np.array([18, 6, 3, 15])}, text="""
        model Abo()  param q : simplex[3]  observed y ~ Multinomial(42, [q[0]*q[0] + 2*q[0]*q[2],
            q[1]*q[1] + 2*q[1]*q[2], 2*q[0]*q[1], q[2]*q[2]])
    """),
    Network("poisson_sum", only(mixing, "x", "y"), text="""
        model PoissonSum()  plate n in N  given x[n] : positive  param background : positive  param slope : positive
        observed y[n] ~ Poisson(background + slope * x[n])
    """),
    Network("tomography", only(mixing, "a", "y"), text="""
        model Tomography()  plate n in N, j in J  given a[n, j] : positive  param lam[j] : positive
        observed y[n] ~ Poisson(sum(a[n, j] * lam[j], j))
    """),
    # real latents
    Network("factor_analysers", factor_groups, text="""
        model FactorAnalysers(K = 2, L = 1)  plate n in N, k in K  param pi : simplex[K]  param W[k] : real[D, L]
        param m[k] : real[D]  param psi : positive[D]
        latent z[n] ~ Categorical(pi)  latent f[n] ~ MvNormal(zeros(L), cov=eye(L))
        observed x[n] ~ MvNormal(W[z[n]] @ f[n] + m[z[n]], cov=diag(psi))
    """),
    Network("two_factors", factors(10, 3, 0.8), text="""
        model TwoFactors()  plate n in N, d in D  param W[d] : real  param V[d] : real  param v : positive
        latent f[n] ~ Normal(0, var=1)  latent g[n] ~ Normal(0.5 * f[n], var=1)
        observed x[n, d] ~ Normal(W[d] * f[n] + V[d] * g[n], var=v)
    """),
    Network("intercepts", only(grouped_values(), "grp", "x", "y"), text="""
        model Intercepts()  plate i in I, g in G  given grp[i] : index[G]  given x[i] : real  param m : real
        param slope : real  param tau : positive  param v : positive
        latent b[g] ~ Normal(m, var=tau)  observed y[i] ~ Normal(b[grp[i]] + slope * x[i], var=v)
    """),
    Network("slopes", only(grouped_values(1.0, 1), "grp", "X", "y"), text="""
        model Slopes()  plate i in I, g in G  given grp[i] : index[G]  given X[i] : real[P]  param m : real[P]
        param S : cov[P]  param v : positive
        latent b[g] ~ MvNormal(m, cov=S)  observed y[i] ~ Normal(X[i] @ b[grp[i]], var=v)
    """),
    Network("intercept_classes", only(grouped_values(0.7), "grp", "y"), text="""
        model InterceptClasses(K = 2)  plate i in I, g in G, k in K  given grp[i] : index[G]  param pi : simplex[K]
        param m[k] : real  param tau : positive  param v : positive
        latent c[g] ~ Categorical(pi)  latent b[g] ~ Normal(m[c[g]], var=tau)
        observed y[i] ~ Normal(b[grp[i]], var=v)
    """),
    Network("trajectory_classes", only(grouped_values(0.7), "grp", "X", "y"), text="""
        model TrajectoryClasses(K = 2)  plate i in I, g in G, k in K  given grp[i] : index[G]
        given X[i] : real[P]  param pi : simplex[K]  param m[k] : real[P]  param v : positive
        latent c[g] ~ Categorical(pi)  latent b[g] ~ MvNormal(m[c[g]], cov=eye(P))
        observed y[i] ~ Normal(X[i] @ b[grp[i]], var=v)
    """),
    Network("schools", schools, text="""
        model Schools()  plate h in H, c in C, i in I  given school[c] : index[H]  given room[i] : index[C]
        param m : real  param tau : positive  param om : positive  param v : positive
        latent s[h] ~ Normal(m, var=tau)  latent u[c] ~ Normal(s[school[c]], var=om)
        observed y[i] ~ Normal(u[room[i]], var=v)
    """),
    Network("crossed", ratings, text="""
        model Crossed()  plate u in U, j in J, i in I  given user[i] : index[U]  given item[i] : index[J]
        param m : real  param tau : positive  param om : positive  param v : positive
        latent a[u] ~ Normal(0, var=tau)  latent b[j] ~ Normal(0, var=om)
        observed y[i] ~ Normal(m + a[user[i]] + b[item[i]], var=v)
    """),
    Network("ridge", outliers, text="""
        model Ridge()  plate n in N  given X[n] : real[P]  param v : positive  param tau : positive
        latent w : real[P] ~ MvNormal(0, cov=tau*eye(P))  observed y[n] ~ Normal(X[n] @ w, var=v)
    """),
    # positive and bounded latents
    Network("gamma_poisson", only(exposed, "e", "y"), text="""
        model GammaPoisson()  plate n in N  given e[n] : positive  param b : positive
        latent u[n] ~ Gamma(2, rate=b)  observed y[n] ~ Poisson(u[n] * e[n])
    """),
    Network("gamma_poisson_groups", exposed, text="""
        model GammaPoissonGroups(K = 2)  plate i in I, g in G, k in K  given grp[i] : index[G]
        given e[i] : positive  param pi : simplex[K]  param b[k] : positive
        latent c[g] ~ Categorical(pi)  latent u[g] ~ Gamma(3, rate=b[c[g]])
        observed y[i] ~ Poisson(u[grp[i]] * e[i])
    """),
    Network("beta_binomial", only(successes, "trials", "y"), text="""
        model BetaBinomial(a = 2, b = 1.5)  plate n in N  given trials[n] : count
        latent p[n] ~ Beta(a, b)  observed y[n] ~ Binomial(trials[n], p[n])
    """),
    Network("beta_binomial_mixture", successes, text="""
        model BetaBinomialMixture(K = 2)  plate n in N, k in K  given trials[n] : count  given a[k] : positive
        given b[k] : positive  param pi : simplex[K]
        latent z[n] ~ Categorical(pi)  latent p[n] ~ Beta(a[z[n]], b[z[n]])
        observed y[n] ~ Binomial(trials[n], p[n])
    """),
    Network("dirichlet_multinomial", bags(3), text="""
        model DirichletMultinomial()  plate n in N  given total[n] : count
        latent p[n] : simplex[3] ~ Dirichlet([2, 1.5, 3])  observed y[n] ~ Multinomial(total[n], p[n])
    """),
    Network("relevance", line_through_zero, exact=False, text="""
        model Relevance()  plate n in N, p in P  given X[n] : real[P]  latent alpha[p] ~ Gamma(1, rate=1)
        latent w[p] ~ Normal(0, prec=alpha[p])  latent tau ~ Gamma(1, rate=1)
        observed y[n] ~ Normal(sum(w[p] * X[n, p], p), prec=tau)
    """),
    Network("robust_regression", outliers, text="""
        model RobustRegression()  plate n in N  given X[n] : real[P]  param b : real[P]  param tau : positive
        latent u[n] ~ Gamma(2, rate=2)  observed y[n] ~ Normal(X[n] @ b, prec=tau*u[n])
    """),
    # continuous latents given the states of their parents
    Network("two_parents", only(grouped_values(0.7), "grp", "x", "y"), bayesian=True, text="""
        model TwoParents(K = 2)  plate i in I, g in G  plate k in K, l in K  given grp[i] : index[G]  given x[i] : real
        param pi : simplex[K] ~ Dirichlet(2)  param P[k] : simplex[K] ~ Dirichlet([3, 2])
        param m[k, l] : real ~ Normal(0, sd=4)  param tau[l] : positive ~ Gamma(3, rate=2)
        param v : positive ~ Gamma(2, rate=1)  latent c[g] ~ Categorical(pi)  latent d[g] ~ Categorical(P[c[g]])
        latent b[g] ~ Normal(m[c[g], d[g]], prec=tau[d[g]])  observed y[i] ~ Normal(b[grp[i]] + x[i], prec=v)
    """),
    Network("two_parents_of_many", joined(flips("u", "w"), levels("x", "y")), text="""
        model TwoParentsOfMany(K = 2)  plate n in N  plate k in K, l in K  param pi : simplex[K]
        param P[k] : simplex[K]  param Q[k] : simplex[K]  param m[k, l] : real  param p[k] : unit
        param h[l] : real  param v : positive
        latent a[n] ~ Categorical(pi)  latent b[n] ~ Categorical(P[a[n]])  latent c[n] ~ Categorical(Q[b[n]])
        latent f[n] ~ Normal(m[a[n], c[n]], var=1)  observed u[n] ~ Bernoulli(p[a[n]])
        observed w[n] ~ Bernoulli(p[b[n]])  observed x[n] ~ Normal(f[n] + h[c[n]], var=v)
        observed y[n] ~ Normal(f[n], var=v)
    """),
    Network("group_classes", only(grouped_values(0.7), "grp", "x", "y"), bayesian=True, text="""
        model GroupClasses(K = 2)  plate i in I, g in G, k in K  given grp[i] : index[G]  given x[i] : real
        param pi : simplex[K] ~ Dirichlet(2)  param m[k] : real ~ Normal(0, sd=9)
        param w[k] : positive ~ InvGamma(3, scale=2)  param beta[k] : real ~ Normal(0, sd=2)
        param v : positive ~ InvGamma(2, scale=1)  latent c[g] ~ Categorical(pi)
        latent b[g] ~ Normal(m[c[g]], var=w[c[g]])
        observed y[i] ~ Normal(b[grp[i]] + x[i] * beta[c[grp[i]]], var=v)
    """),
    Network("school_classes", schools, text="""
        model SchoolClasses(K = 2)  plate h in H, r in R, i in I, k in K  given school[r] : index[H]
        given room[i] : index[R]  param pi : simplex[K]  param m[k] : real  param w : positive  param v[k] : positive
        latent c[h] ~ Categorical(pi)  latent u[r] ~ Normal(m[c[school[r]]], var=w)
        observed y[i] ~ Normal(u[room[i]], var=v[c[school[room[i]]]])
    """),
    Network("ragged_classes", ragged(pairs(5, 4), (3, 1, 4, 2, 4), "y", "x"), text="""
        model RaggedClasses(K = 2)  plate g in G, k in K  plate i in I[g]  param pi : simplex[K]  param m[k] : real
        param v : positive  param w : positive
        latent c[g] ~ Categorical(pi)  latent f[g, i] ~ Normal(m[c[g]], var=w)
        observed x[g, i] ~ Normal(f[g, i], var=v)  observed y[g, i] ~ Normal(f[g, i], var=v)
    """),
    Network("nested_classes", with_given(pairs(5, 3), **{"weights.g": np.tile([1.0, 2.0, 0.5], 2)[:5]}),
            bayesian=True, text="""
        model NestedClasses(K = 2)  plate g in G, d in D, k in K  param pi : simplex[K] ~ Dirichlet(2)
        param m[k, d] : real ~ Normal(0, sd=5)  param q[d] : positive ~ Gamma(2, rate=1)
        param r : positive ~ Gamma(2, rate=1)
        latent c[g] ~ Categorical(pi)  latent b[g, d] ~ Normal(m[c[g], d], prec=q[d])
        observed x[g, d] ~ Normal(b[g, d], prec=r)  observed y[g, d] ~ Normal(b[g, d], prec=r)
    """),
    # weights of the groups entered both the natural parameters and the log partition
    Network("gamma_classes_ragged", weighted_groups, bayesian=True, text="""
        model GammaClassesRagged(K = 2)  plate g in G, k in K  plate i in I[g]  param pi : simplex[K] ~ Dirichlet(2)
        param b[k] : positive ~ Gamma(2, rate=1)  latent c[g] ~ Categorical(pi)  latent u[g] ~ Gamma(2, rate=b[c[g]])
        observed y[g, i] ~ Poisson(u[g])
    """),
    Network("classes_ragged", weighted_groups, bayesian=True, text="""
        model ClassesRagged(K = 2)  plate g in G, k in K  plate i in I[g]  param pi : simplex[K] ~ Dirichlet(2)
        param r[k] : positive ~ Gamma(2, rate=1)  latent c[g] ~ Categorical(pi)
        observed y[g, i] ~ Poisson(r[c[g]])
    """),
    Network("gamma_of_two_states", joined(counted("y", 6), flips("u", n=6)), bayesian=True, text="""
        model GammaOfTwoStates(K = 2)  plate n in N  plate k in K, l in K  param pi : simplex[K] ~ Dirichlet(2)
        param P[k] : simplex[K] ~ Dirichlet(2)  param b[k, l] : positive ~ Gamma(2, rate=1)
        param p[k] : unit ~ Beta(2, 1.5)  latent z[n] ~ Categorical(pi)  latent w[n] ~ Categorical(P[z[n]])
        latent g[n] ~ Gamma(3, rate=b[z[n], w[n]])  observed y[n] ~ Poisson(g[n])
        observed u[n] ~ Bernoulli(p[z[n]])
    """),
    Network("student_mixture", levels("x", "y", n=4), bayesian=True, text="""
        model StudentMixture(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(2)
        param m[k] : real ~ Normal(0, sd=5)  param h[k] : real ~ Normal(0, sd=5)
        param s[k] : positive ~ Gamma(2, rate=1)  latent z[n] ~ Categorical(pi)
        latent q[n] ~ InvGamma(3, scale=s[z[n]])  observed x[n] ~ Normal(m[z[n]], var=q[n])
        observed y[n] ~ Normal(h[z[n]], var=q[n])
    """),
    Network("gamma_mixture_map", with_given(only(exposed, "e", "y"), **{"weights.n": np.tile([1.0, 3.0], 5)}),
            bayesian=True, text="""
        model GammaMixtureMap(K = 2)  plate n in N, k in K  given e[n] : positive
        param pi : simplex[K] ~ Dirichlet(1.5)  param b[k] : positive ~ Gamma(2, rate=1)
        latent z[n] ~ Categorical(pi)  latent g[n] ~ Gamma(3, rate=b[z[n]])
        observed y[n] ~ Poisson(g[n] * e[n])
    """),
    Network("dirichlet_multinomial_mixture", with_given(bags(2), alpha=np.array([[4.0, 1.5, 1.0], [0.8, 2.0, 3.0]])),
            text="""
        model DirichletMultinomialMixture(K = 2)  plate n in N, k in K  given total[n] : count
        given alpha[k] : positive[3]  param pi : simplex[K]  latent z[n] ~ Categorical(pi)
        latent p[n] : simplex[3] ~ Dirichlet(alpha[z[n]])  observed y[n] ~ Multinomial(total[n], p[n])
    """),
    Network("two_children", joined(successes, counted("x", 8)), text="""
        model TwoChildren(K = 2)  plate n in N, k in K  given trials[n] : count  given a[k] : positive
        given b[k] : positive  param pi : simplex[K]  param r[k] : positive
        latent z[n] ~ Categorical(pi)  latent p[n] ~ Beta(a[z[n]], b[z[n]])  latent g[n] ~ Gamma(2, rate=r[z[n]])
        observed y[n] ~ Binomial(trials[n], p[n])  observed x[n] ~ Poisson(g[n])
    """),
    Network("beta_chain", chained_successes, text=f"""
        model BetaChain(K = 2)  plate s in S, k in K  time t in T  {START}  given trials[s, t] : count
        given a[k] : positive  given b[k] : positive  {CHAIN}  latent p[s, t] ~ Beta(a[z[s, t]], b[z[s, t]])
        observed y[s, t] ~ Binomial(trials[s, t], p[s, t])
    """),
    Network("gamma_chain", ragged(series(3, 3), (3, 1, 2), "y"), text=f"""
        model GammaChain(K = 2)  plate s in S, k in K  time t in T[s]  {START}  param b[k] : positive  {CHAIN}
        latent g[s, t] ~ Gamma(2, rate=b[z[s, t]])  observed y[s, t] ~ Poisson(g[s, t])
    """),
    # children of states at the row before
    Network("lagged_gamma_chain", ragged(series(3, 3), (3, 1, 2), "y"), text=f"""
        model LaggedGammaChain(K = 2)  plate s in S, k in K  time t in T[s]  {START}  param b[k] : positive  {CHAIN}
        latent g[s, 0] ~ Gamma(2, rate=1)  latent g[s, t] ~ Gamma(2, rate=b[z[s, t-1]])
        observed y[s, t] ~ Poisson(g[s, t])
    """),
    Network("moves_of_a_chain", with_given(series(2, 3, "normal"), **{"weights.s": np.array([1.0, 2.0])}),
            bayesian=True, text="""
        model MovesOfAChain(K = 2)  plate s in S, k in K, l in K  time t in T  param start : simplex[K] ~ Dirichlet(2)
        param A[k] : simplex[K] ~ Dirichlet(2)  param m[k] : real ~ Normal(0, sd=4)
        param u[k, l] : real ~ Normal(0, sd=4)  param q[k] : positive ~ Gamma(2, rate=1)
        param r : positive ~ Gamma(2, rate=1)  latent z[s, 0] ~ Categorical(start)
        latent z[s, t] ~ Categorical(A[z[s, t-1]])  latent x[s, 0] ~ Normal(m[z[s, 0]], var=1)
        latent x[s, t] ~ Normal(u[z[s, t], z[s, t-1]], prec=q[z[s, t]])  observed y[s, t] ~ Normal(x[s, t], prec=r)
    """),
    # a choice between two chains that reads one of them a row back: its message counts in first rows
    Network("choice_between_chains", series(1, 2, "normal"), text="""
        model ChoiceBetweenChains(K = 2)  plate s in S, k in K, l in K  time t in T  param A[k] : simplex[K]
        param B[k] : simplex[K]  param P[k, l] : simplex[K]  param m[k] : real
        param q[k] : positive ~ InvGamma(2, scale=1)  latent z[s, 0] ~ Categorical([0.5, 0.5])
        latent z[s, t] ~ Categorical(A[z[s, t-1]])
        latent v[s, 0] ~ Categorical([0.5, 0.5])  latent v[s, t] ~ Categorical(B[v[s, t-1]])
        latent c[s, 0] ~ Categorical(A[v[s, 0]])  latent c[s, t] ~ Categorical(P[z[s, t-1], v[s, t]])
        latent x[s, t] ~ Normal(m[c[s, t]], var=q[c[s, t]])  observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    Network("gamma_class_chain", joined(series(3, 4), counted("x", 3)), text=f"""
        model GammaClassChain(K = 2)  plate s in S, k in K  plate c in K  time t in T  {START}  param rho : simplex[K]
        param b[c] : positive  param rate[k] : positive  latent h[s] ~ Categorical(rho)
        latent u[s] ~ Gamma(3, rate=b[h[s]])  {CHAIN}  observed y[s, t] ~ Poisson(rate[z[s, t]])
        observed x[s] ~ Poisson(u[s])
    """),
    Network("drifting_classes", holed(series(3, 4, "normal"), "y", (0, 1), (2, 3)), bayesian=True, text="""
        model DriftingClasses(K = 2)  plate s in S, k in K  time t in T  param pi : simplex[K] ~ Dirichlet(2)
        param a[k] : real ~ Normal(0, sd=1)  param d[k] : real ~ Normal(0, sd=4)
        param q : positive ~ Gamma(2, rate=1)  param r[k] : positive ~ Gamma(2, rate=1)  latent c[s] ~ Categorical(pi)
        latent x[s, 0] ~ Normal(d[c[s]], var=4)  latent x[s, t] ~ Normal(a[c[s]] * x[s, t-1] + d[c[s]], prec=q)
        observed y[s, t] missing ~ Normal(x[s, t], prec=r[c[s]])
    """),
    Network("drifting_classes_ragged", ragged(series(4, 4, "normal"), (4, 1, 3, 2), "y"), bayesian=True, text="""
        model DriftingClassesRagged(K = 2)  plate s in S, k in K  time t in T[s]  param pi : simplex[K] ~ Dirichlet(2)
        param d[k] : real ~ Normal(0, sd=4)  param q[k] : positive ~ Gamma(2, rate=1)
        param r : positive ~ Gamma(2, rate=1)  latent c[s] ~ Categorical(pi)  latent x[s, 0] ~ Normal(d[c[s]], var=4)
        latent x[s, t] ~ Normal(x[s, t-1] + d[c[s]], prec=q[c[s]])  observed y[s, t] ~ Normal(x[s, t], prec=r)
    """),
    # a class of the start alone: expectations of the chain were those of another product
    Network("started_classes", series(3, 4, "normal"), text="""
        model StartedClasses(K = 2)  plate s in S, k in K  time t in T  param pi : simplex[K]  param d[k] : real
        param r : positive  latent c[s] ~ Categorical(pi)  latent x[s, 0] ~ Normal(d[c[s]], var=1)
        latent x[s, t] ~ Normal(x[s, t-1], var=0.4)  observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    Network("known_starts_of_classes", with_given(ragged(walk(3, 4), (4, 1, 3), "y"), m=np.array([1.0, 0.5, -1.0])),
            bayesian=True, text="""
        model KnownStartsOfClasses(K = 2)  plate s in S, k in K, l in K  time t in T[s]  given m[s] : real
        param pi : simplex[K] ~ Dirichlet(2)  param a[k] : real ~ Normal(0, sd=1)
        param q[k, l] : positive ~ Gamma(2, rate=1)  param r : positive ~ Gamma(2, rate=1)
        latent c[s] ~ Categorical(pi)  latent d[s] ~ Categorical(pi)  latent x[s, 0] : real ~ PointMass(m[s])
        latent x[s, t] ~ Normal(a[c[s]] * x[s, t-1], prec=q[c[s], d[s]])  observed y[s, t] ~ Normal(x[s, t], prec=r)
    """),
    Network("classes_of_groups_of_series", nested_walks, bayesian=True, text="""
        model ClassesOfGroupsOfSeries(K = 2)  plate g in G, k in K  plate s in S[g]  time t in T[g, s]
        param pi : simplex[K] ~ Dirichlet(2)  param a[k] : real ~ Normal(0, sd=1)
        param q[k] : positive ~ Gamma(2, rate=1)  param r : positive ~ Gamma(2, rate=1)  latent c[g] ~ Categorical(pi)
        latent x[g, s, 0] : real ~ PointMass(1)  latent x[g, s, t] ~ Normal(a[c[g]] * x[g, s, t-1], prec=q[c[g]])
        observed y[g, s, t] ~ Normal(x[g, s, t], prec=r)
    """),
    Network("moving_classes", tracks, text="""
        model MovingClasses(K = 2)  plate s in S, k in K  time t in T  given H : real[3, 2]  param pi : simplex[K]
        param F[k] : real[2, 2]  param r : positive  latent c[s] ~ Categorical(pi)
        latent x[s, 0] ~ MvNormal(0, cov=eye(2))  latent x[s, t] ~ MvNormal(F[c[s]] @ x[s, t-1], cov=eye(2))
        observed y[s, t] ~ MvNormal(H @ x[s, t], cov=r*eye(3))
    """),
    Network("nested_effects_of_classes", schools, bayesian=True, text="""
        model NestedEffectsOfClasses(K = 2)  plate h in H, r in R, i in I, k in K  given school[r] : index[H]
        given room[i] : index[R]  param pi : simplex[K] ~ Dirichlet(2)  param P[k] : simplex[K] ~ Dirichlet(2)
        param m[k] : real ~ Normal(0, sd=5)  param w[k] : positive ~ Gamma(2, rate=1)
        param v : positive ~ Gamma(2, rate=1)  latent c[h] ~ Categorical(pi)  latent d[h] ~ Categorical(P[c[h]])
        latent b[h] ~ Normal(m[c[h]], var=2)  latent u[r] ~ Normal(b[school[r]], prec=w[d[school[r]]])
        observed y[i] ~ Normal(u[room[i]], prec=v)
    """),
    Network("crossed_under_one_state", ratings, bayesian=True, text="""
        model CrossedUnderOneState(K = 2)  plate u in U, j in J, i in I, k in K  given user[i] : index[U]
        given item[i] : index[J]  param pi : simplex[K] ~ Dirichlet(2)  param m[k] : real ~ Normal(0, sd=5)
        param w[k] : positive ~ Gamma(2, rate=1)  param v : positive ~ Gamma(2, rate=1)
        latent z ~ Categorical(pi)  latent a[u] ~ Normal(0, prec=w[z])  latent b[j] ~ Normal(0, var=2)
        observed y[i] ~ Normal(m[z] + a[user[i]] + b[item[i]], prec=v)
    """),
    # bounds only
    Network("topics", letters(4, 4, name="w"), exact=False, text="""
        model Topics(K = 2)  plate d in D, n in N, k in K  param phi[k] : simplex[3]
        latent theta[d] : simplex[K] ~ Dirichlet(0.8)  latent z[d, n] ~ Categorical(theta[d])
        observed w[d, n] ~ Categorical(phi[z[d, n]])
    """),
    Network("topics_by_index", words, exact=False, text="""
        model TopicsByIndex(K = 2)  plate d in D, i in I, k in K  given doc[i] : index[D]
        param phi[k] : simplex[3] ~ Dirichlet(1.2)  latent theta[d] : simplex[K] ~ Dirichlet([1, 1.5])
        latent z[i] ~ Categorical(theta[doc[i]])  observed w[i] ~ Categorical(phi[z[i]])
    """),
    Network("poisson_factors", counts_table, exact=False, text="""
        model PoissonFactors(K = 2)  plate n in N, j in J, k in K  param beta[k, j] : positive
        latent theta[n, k] ~ Gamma(1.5, rate=0.5)  observed y[n, j] ~ Poisson(sum(theta[n, k] * beta[k, j], k))
    """),
    Network("normal_gamma_mixture", levels("x", "y", n=4), exact=False, text="""
        model NormalGammaMixture(K = 2)  plate n in N, k in K  param pi : simplex[K]  param m[k] : real
        param r[k] : positive  param v : positive  latent z[n] ~ Categorical(pi)  latent g[n] ~ Gamma(3, rate=r[z[n]])
        latent f[n] ~ Normal(m[z[n]], prec=g[n])  observed x[n] ~ Normal(f[n], var=v)
        observed y[n] ~ Normal(f[n], var=v)
    """),
    Network("poisson_factor_classes", counts_table, exact=False, text="""
        model PoissonFactorClasses(K = 2, C = 2)  plate n in N, j in J, k in K, c in C  param pi : simplex[C]
        param beta[k, j] : positive  param r[c, k] : positive  latent h[n] ~ Categorical(pi)
        latent theta[n, k] ~ Gamma(1.5, rate=r[h[n], k])  observed y[n, j] ~ Poisson(sum(theta[n, k] * beta[k, j], k))
    """),
    Network("blocks", only(network, "y"), exact=False, text="""
        model Blocks(K = 2)  plate i in N, j in N  plate k in K, l in K  param pi : simplex[K]
        param B[k, l] : unit  latent z[i] ~ Categorical(pi)  observed y[i, j] ~ Bernoulli(B[z[i], z[j]])
    """),
    Network("blocks_by_edges", only(network, "src", "dst", "w"), exact=False, text="""
        model BlocksByEdges(K = 2)  plate n in N, e in E, k in K, l in K  given src[e] : index[N]
        given dst[e] : index[N]  param pi : simplex[K]  param B[k, l] : unit
        latent z[n] ~ Categorical(pi)  observed w[e] ~ Bernoulli(B[z[src[e]], z[dst[e]]])
    """),
    # chains of discrete states
    Network("poisson_ragged", ragged(series(4, 5), (5, 2, 1, 4), "y"), text=f"""
        model PoissonRagged(K = 2)  plate s in S, k in K  time t in T[s]  {START}
        param rate[k] : positive  {CHAIN}  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("categorical_chain", series(3, 5, "categorical"), text=f"""
        model CategoricalChain(K = 2)  plate s in S, k in K  time t in T  {START}
        param theta[k] : simplex[3]  {CHAIN}  observed y[s, t] ~ Categorical(theta[z[s, t]])
    """),
    Network("normal_chain_missing", holed(ragged(series(3, 5, "normal"), (5, 3, 4), "y"), "y", (0, 0), (0, 2), (2, 3)),
            text=f"""
        model NormalChainMissing(K = 2)  plate s in S, k in K  time t in T[s]  {START}
        param m[k] : real  param v : positive  {CHAIN}  observed y[s, t] missing ~ Normal(m[z[s, t]], var=v)
    """),
    Network("single_series", series(None, 8), text="""
        model SingleSeries(K = 2)  plate k in K  time t in T  param start : simplex[K]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[0] ~ Categorical(start)  latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] ~ Poisson(rate[z[t]])
    """),
    Network("left_right", series(4, 4, "normal", 3), text=f"""
        model LeftRight(K = 3)  plate s in S, k in K  time t in T  {START}  param m[k] : real  param v : positive
        fix A[1, 0] = 0  fix A[2, 0] = 0  fix A[2, 1] = 0  fix start = [1, 0, 0]
        {CHAIN}  observed y[s, t] ~ Normal(m[z[s, t]], var=v)
    """),
    Network("starts_known", series(3, 4), text="""
        model StartsKnown(K = 2)  plate s in S, k in K  time t in T  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ Categorical([1, 0])  latent z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("starts_given", with_given(series(3, 4), first=np.array([0, 1, 0])), text="""
        model StartsGiven(K = 2)  plate s in S, k in K  time t in T  given first[s] : index[K]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[s, 0] ~ PointMass(first[s])  latent z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("chain_of_regressions", regressions_over_time, text=f"""
        model ChainOfRegressions(K = 2)  plate s in S, k in K  time t in T  {START}  given X[s, t] : real[P]
        param b[k] : real[P]  param v : positive  {CHAIN}  observed y[s, t] ~ Normal(X[s, t] @ b[z[s, t]], var=v)
    """),
    Network("chain_classes", series(4, 3), text="""
        model ChainClasses(C = 2, K = 2)  plate s in S, c in C, k in K  time t in T  param rho : simplex[C]
        param start : simplex[K]  param A[c, k] : simplex[K]  param rate[k] : positive
        latent g[s] ~ Categorical(rho)  latent z[s, 0] ~ Categorical(start)
        latent z[s, t] ~ Categorical(A[g[s], z[s, t-1]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("chain_of_mixtures", series(2, 4, "normal", 3), text=f"""
        model ChainOfMixtures(K = 2, M = 2)  plate s in S, k in K, m in M  time t in T  {START}
        param mix[k] : simplex[M]  param mu[k, m] : real  param v : positive  {CHAIN}
        latent w[s, t] ~ Categorical(mix[z[s, t]])  observed y[s, t] ~ Normal(mu[z[s, t], w[s, t]], var=v)
    """),
    Network("two_lags", series(3, 5), text="""
        model TwoLags(K = 2)  plate s in S, k in K, l in K  time t in T  param start : simplex[K]
        param next[k] : simplex[K]  param A[k, l] : simplex[K]  param rate[k] : positive
        latent z[s, 0] ~ Categorical(start)  latent z[s, 1] ~ Categorical(next[z[s, 0]])
        latent z[s, t] ~ Categorical(A[z[s, t-1], z[s, t-2]])  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("autoregressive_chain", autoregression, text=f"""
        model AutoregressiveChain(K = 2)  plate s in S, k in K  time t in T  {START}  param m[k] : real
        param a[k] : real  param v : positive  {CHAIN}  observed y[s, 0] ~ Normal(m[z[s, 0]], var=v)
        observed y[s, t] ~ Normal(m[z[s, t]] + a[z[s, t]] * y[s, t-1], var=v)
    """),
    Network("chain_map", with_given(series(3, 4), **{"weights.s": np.array([1.0, 2.0, 0.5])}), bayesian=True, text=f"""
        model ChainMap(K = 2)  plate s in S, k in K  time t in T  param start : simplex[K] ~ Dirichlet(1.5)
        param A[k] : simplex[K] ~ Dirichlet([2, 1.5])  param rate[k] : positive ~ Gamma(2, rate=0.5)
        {CHAIN}  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("chain_labels", chain_labels, text=f"""
        model ChainLabels(K = 2)  plate s in S, k in K  time t in T  {START}  param rate[k] : positive
        {CHAIN}  observed y[s, t] ~ Poisson(rate[z[s, t]])
    """),
    Network("two_chains", two_levels, text="""
        model TwoChains()  plate s in S, k in 2, l in 2  time t in T  param A[k] : simplex[2]  param B[l] : simplex[2]
        param m[k] : real  param h[l] : real  param v : positive  fix h[0] = 0
        latent a[s, 0] ~ Categorical([0.5, 0.5])  latent a[s, t] ~ Categorical(A[a[s, t-1]])
        latent b[s, 0] ~ Categorical([0.5, 0.5])  latent b[s, t] ~ Categorical(B[b[s, t-1]])
        observed y[s, t] ~ Normal(m[a[s, t]] + h[b[s, t]], var=v)
    """),
    # chains of real states
    Network("local_level", drifting, text="""
        model LocalLevel()  time t in T  param m0 : real  param q : positive  param r : positive
        latent x[0] ~ Normal(m0, var=1)  latent x[t] ~ Normal(x[t-1], var=q)  observed y[t] ~ Normal(x[t], var=r)
    """),
    Network("autoregressive_state", holed(walk(3, 5), "y", (0, 0), (0, 3), (2, 4)), text="""
        model AutoregressiveState()  plate s in S  time t in T  param a : real  param q : positive
        param r : positive  latent x[s, 0] ~ Normal(0, var=4)  latent x[s, t] ~ Normal(a * x[s, t-1], var=q)
        observed y[s, t] missing ~ Normal(x[s, t], var=r)
    """),
    Network("known_start", ragged(walk(3, 4), (4, 2, 3), "y"), text="""
        model KnownStart()  plate s in S  time t in T[s]  param a : real  param r : positive
        latent x[s, 0] : real ~ PointMass(1)  latent x[s, t] ~ Normal(a * x[s, t-1], var=1)
        observed y[s, t] ~ Normal(x[s, t], var=r)
    """),
    Network("vector_state", holed(tracks, "y", (0, 1, 0), (0, 2), (1, 0, 2)), text="""
        model VectorState()  plate s in S  time t in T  given H : real[3, 2]  param F : real[2, 2]
        param Q : cov[2] ~ InvWishart(5, scale=eye(2))  param r : positive[3]
        latent x[s, 0] ~ MvNormal(0, cov=eye(2))  latent x[s, t] ~ MvNormal(F @ x[s, t-1], cov=Q)
        observed y[s, t] missing ~ MvNormal(H @ x[s, t], cov=diag(r))
    """),
    # two ways by which a level and its slope reach the same rows were summed as one
    Network("level_and_slope", slopes_over_time, text="""
        model LevelAndSlope()  plate s in S  time t in T  given u[s, t] : real  param q : positive  param r : positive
        latent b[s, 0] ~ Normal(0, var=1)  latent b[s, t] ~ Normal(b[s, t-1], var=0.1)
        latent a[s, 0] ~ Normal(0, var=4)  latent a[s, t] ~ Normal(a[s, t-1] + b[s, t-1], var=q)
        observed y[s, t] ~ Normal(a[s, t] + u[s, t] * b[s, t], var=r)
    """),
    Network("switching_dynamics", walk(2, 4), exact=False, text=f"""
        model SwitchingDynamics(K = 2)  plate s in S, k in K  time t in T  {START}  param a[k] : real
        param q[k] : positive  {CHAIN}  latent x[s, 0] ~ Normal(0, var=1)
        latent x[s, t] ~ Normal(a[z[s, t]] * x[s, t-1], var=q[z[s, t]])  observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    # chains over a plate that meet in a sum
    Network("chains_in_a_sum", walk(2, 3), text="""
        model ChainsInASum(K = 2)  plate s in S, c in 2, k in K  time t in T  param start[c] : simplex[K]
        param A[c, k] : simplex[K]  param h[c] : real  param r : positive  latent z[c, s, 0] ~ Categorical(start[c])
        latent z[c, s, t] ~ Categorical(A[c, z[c, s, t-1]])
        observed y[s, t] ~ Normal(sum(h[c] * z[c, s, t], c), var=r)
    """),
    # known factors of unknown spreads: sums of data, matrices written out, Cholesky factors
    Network("unequal_steps", with_given(tracks_alone, d=[0.5, 1.5, 1.0, 2.0]), text="""
        model UnequalSteps()  plate s in S  time t in T  given d[t] : positive  param q : positive  param r : positive
        latent x[s, 0] : real[2] ~ MvNormal(0, cov=eye(2))  latent x[s, t] ~ MvNormal([[1, d[t]], [0, 1]] @ x[s, t-1],
        cov=q * [[d[t]**3 / 3, d[t]**2 / 2], [d[t]**2 / 2, d[t]]])
        latent w[s, 0] ~ Normal(0, var=q)
        latent w[s, t] ~ Normal(exp(-d[t]) * w[s, t-1], var=q * (1 - exp(-2 * d[t])))
        observed y[s, t] ~ MvNormal(ones(3) * (x[s, t, 0] + w[s, t]), chol=r * [[1, 0, 0], [0, 1, 0], [0.3, 0, 0.7]])
    """),
    Network("spreads_by_cholesky", with_given(tracks_alone, L=[[0.8, 0, 0], [0.3, 0.5, 0], [0, 0, 1]]), text="""
        model SpreadsByCholesky()  plate s in S  time t in T  given L : real[3, 3]  param h : positive[2]
        latent x[s, 0] ~ MvNormal(zeros(2), chol=diag(h))  latent x[s, t] ~ MvNormal(x[s, t-1], chol=diag(h))
        observed y[s, t] ~ MvNormal([[1, 0], [0, 1], [1, 1]] @ x[s, t], chol=L)
    """),
    # time before other plates
    Network("time_first", walk(4, 3), text="""
        model TimeFirst()  time t in T  plate i in I  param a[i] : real  param b : real  param q[i] : positive
        param r : positive  latent x[0, i] ~ Normal(0, var=4)  latent x[1, i] ~ Normal(a[i] * x[0, i], var=2)
        latent x[t, i] ~ Normal(a[i] * x[t-1, i] + b * x[t-2, i], var=q[i])  observed y[t, i] ~ Normal(x[t, i], var=r)
    """),
    Network("coefficients_over_time", with_given(walk(4, 1), x=[[1, 0.5], [1, -1], [1, 2], [1, 0]]), text="""
        model CoefficientsOverTime()  time t in T  plate p in P, j in J  given x[t, p] : real  param q[p] : positive
        param r : positive  latent b[0, p] ~ Normal(0, var=4)  latent b[t, p] ~ Normal(b[t-1, p], var=q[p])
        observed y[t, j] ~ Normal(sum(b[t, p] * x[t, p], p), var=r)
    """),
    # products of parameters: a square in each of them given the other
    Network("mean_reversion", holed(walk(3, 4), "y", (0, 1), (1, 3)), text="""
        model MeanReversion()  plate s in S  time t in T  param m : real  param a : real  param b : real
        param q : positive  latent x[s, 0] ~ Normal(m, var=q)  latent x[s, t] ~ Normal(m + a * (x[s, t-1] - m), var=q)
        observed y[s, t] missing ~ Normal(x[s, t] + b, var=0.3)
    """),
    Network("switching_means", walk(3, 4), text=f"""
        model SwitchingMeans(K = 2)  plate s in S, k in K  time t in T  {START}  param m[k] : real ~ Normal(0, sd=9)
        param a : real ~ Normal(0, sd=1)  param v : positive ~ Gamma(2, rate=1)  {CHAIN}
        observed y[s, 0] ~ Normal(m[z[s, 0]], prec=v)
        observed y[s, t] ~ Normal(m[z[s, t]] + a * (y[s, t-1] - m[z[s, t-1]]), prec=v)
    """),
    # what the state at 0 tells of the start was summed over the states of all rows
    Network("switching_start", walk(2, 4), exact=False, text=f"""
        model SwitchingStart(K = 2)  plate s in S, k in K  time t in T  {START}  param m[k] : real
        param phi : real  {CHAIN}  latent x[s, 0] ~ Normal(m[z[s, 0]], var=1)
        latent x[s, t] ~ Normal(m[z[s, t]] + phi * x[s, t-1], var=0.3)  observed y[s, t] ~ Normal(x[s, t], var=0.5)
    """),
    Network("shared_dose", counted("y", 6), exact=False, text="""
        model SharedDose()  plate n in N  param a : positive  param b : positive  param q : unit
        latent z[n] ~ Bernoulli(q)  latent h[n] ~ Gamma(2, rate=1)  observed y[n] ~ Poisson(a * h[n] + b * z[n])
    """),
    # products of two reals of a row were taken for one normal law
    Network("products_of_reals", levels("x", n=5, gap=2.0), exact=False, text="""
        model ProductsOfReals()  plate n in N  param m : real  param b : real  latent a[n] ~ Normal(0, sd=1)
        latent u[n] ~ Normal(m, sd=1)  observed x[n] ~ Normal(b * a[n] * u[n], sd=1)
    """),
    *(Network(*one) for one in (*LAGS, *CHOICES, *HOLES, *ORDERS, *AUGMENTED)),
    *(Network(*one, exact=False) for one in (*BOUNDED, *AUGMENTED_BOUNDED)),
)
# fmt: on

BY_NAME = {example.name: example for example in NETWORKS}
EXACT = tuple(example for example in NETWORKS if example.exact)
