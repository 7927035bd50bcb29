model FixedByConstants(K = 3)
plate k in K, n in N
param start : simplex[K]
latent z[n] ~ Categorical(start)
param mu[k] : real
observed x[n] ~ Normal(mu[z[n]], sd=1)
fix start = ones(K)/K
