model ChainsInASum(K = 2)
plate s in S, c in 2, k in K
time t in T
param start[c] : simplex[K]
param A[c, k] : simplex[K]
param h[c] : real
param r : positive
latent z[c, s, 0] ~ Categorical(start[c])
latent z[c, s, t] ~ Categorical(A[c, z[c, s, t-1]])
observed y[s, t] ~ Normal(sum(h[c]*z[c, s, t], c), var=r)
