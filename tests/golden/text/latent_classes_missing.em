model LatentClassesMissing(K = 2)
plate n in N, k in K, j in J
param pi : simplex[K]
param p[k, j] : unit
latent z[n] ~ Categorical(pi)
observed x[n, j] missing ~ Bernoulli(p[z[n], j])
