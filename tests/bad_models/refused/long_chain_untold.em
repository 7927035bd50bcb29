model LongChainUntold
plate i in K, j in K, k in K, l in K
time t in T
given level[i] : real
param A[i, j, k, l] : simplex[K]
latent z[0] ~ Categorical(ones(K) / K)
latent z[1] ~ Categorical(ones(K) / K)
latent z[2] ~ Categorical(ones(K) / K)
latent z[3] ~ Categorical(ones(K) / K)
latent z[t] ~ Categorical(A[z[t-1], z[t-2], z[t-3], z[t-4]])
observed y[t] ~ Normal(level[z[t]], var=1)
