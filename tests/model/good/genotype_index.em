model GenotypeIndex
plate i in I, c in 3
param p : unit
param mu[c] : real
latent g[i] ~ Binomial(2, p)
observed y[i] ~ Normal(mu[g[i]], sd=1)
