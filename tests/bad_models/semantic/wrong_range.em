model Mixture(K = 3)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real
param s : positive
latent z[n] ~ Categorical(pi)
plate g in G
given group[n] : index[G]
observed x[n] ~ Normal(mu[group[n]], sd=s)
