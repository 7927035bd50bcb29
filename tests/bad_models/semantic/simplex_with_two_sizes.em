model Chain(K = 2)
plate k in K
time t in T
param A : simplex[K, K]
latent z[0] ~ Categorical(ones(K) / K)
latent z[t] ~ Categorical(A[z[t-1]])
