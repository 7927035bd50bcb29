model Counts(K = 2)
plate n in N, k in K
param pi : simplex[K]
param rate[k] : positive
latent z[n] ~ Categorical(pi)
observed y[n] ~ Poisson(rate[z[n]])
fix rate[0] = 0
