model Mixture(K = 3)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real
param s : positive
latent z[n] ~ Categorical(pi)
latent f[n] ~ Normal(0, sd=1)
observed x[n] ~ Normal(mu[f[n]], sd=s)
