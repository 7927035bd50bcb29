model LatentClass(K = 2)
plate n in N, m in 4, k in K
param pi : simplex[K]
param theta[k, m] : simplex[V]
latent z[n] ~ Categorical(pi)
observed x[n, m] ~ Categorical(theta[z[n], m])
