model Mixture(K = 3)
plate n in N, k in 3
param pi : simplex[K]
param mu[k] : real
param s : positive
latent z[n] ~ Bernoulli(0.5)
observed x[n] ~ Normal(mu[z[n]], sd=s)
