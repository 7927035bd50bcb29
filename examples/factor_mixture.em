# A mixture of factor analysers: a discrete and a Gaussian latent in each row, inferred jointly.
model FactorMixture(K = 2, L = 1)
plate n in N, k in K, d in D
param share         : simplex[K]
param loading[k, d] : real[L]
param mean[k, d]    : real
param unique[d]     : positive
latent species[n] ~ Categorical(share)
latent factor[n]  ~ MvNormal(zeros(L), cov=eye(L))
observed x[n, d]  ~ Normal(loading[species[n], d] @ factor[n] + mean[species[n], d], var=unique[d])
