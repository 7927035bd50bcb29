model BlockModel(K = 2)
plate i in N, j in N, k in K, l in K
param pi : simplex[K]
param B[k, l] : unit
latent z[i] ~ Categorical(pi)
observed y[i, j] ~ Bernoulli(B[z[i], z[j]])
