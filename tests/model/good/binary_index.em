model BinaryIndex(K = 2)
plate i in I, k in K
param p : unit
param mu[k] : real
latent g[i] ~ Bernoulli(p)
observed y[i] ~ Normal(mu[g[i]], sd=1)
