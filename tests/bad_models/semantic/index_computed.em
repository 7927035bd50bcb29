model Mixture(K = 3)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real
param s : positive
latent z[n] ~ Categorical(pi)
observed x[n] ~ Normal(mu[z[n] - 1], sd=s)
