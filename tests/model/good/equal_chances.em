model EqualChances(K = 3)
plate n in N, k in K
latent z[n] : index[K] ~ Categorical(1/K)
param mu[k] : real
observed x[n] ~ Normal(mu[z[n]], sd=1)
