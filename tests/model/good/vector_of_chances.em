model VectorOfChances
plate n in N, k in K, d in D
param p[k] : unit[D] ~ Beta(1, 1)
param pi : simplex[K]
latent z[n] ~ Categorical(pi)
observed x[n, d] ~ Bernoulli(p[z[n], d])
