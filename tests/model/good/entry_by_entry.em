model EntryByEntry
plate n in N, k in K
param t : simplex[K]
param mu[k] : real[D]
param c : positive
latent z[n] ~ Categorical(t)
observed x[n] ~ Normal(mu[z[n]], sd=c)
