model FactorialChain(K = 2, M = 3)
plate m in M, k in K
time t in T
param start[m] : simplex[K]
param A[m, k] : simplex[K]
param W[m, k] : real
latent z[m, 0] ~ Categorical(start[m])
latent z[m, t] ~ Categorical(A[m, z[m, t-1]])
observed y[t] ~ Normal(sum(W[m, z[m, t]], m), sd=1)
