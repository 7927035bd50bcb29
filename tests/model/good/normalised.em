model Normalised
plate n in N, k in K
param w[k] : positive
param mu[k] : real
latent z[n] ~ Categorical(w/sum(w))
observed x[n] ~ Normal(mu[z[n]], sd=1)
