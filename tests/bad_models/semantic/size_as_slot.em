model Chain(K = 2)
plate s in S, k in K
time t in T[s]
param start : simplex[K]
param A[k] : simplex[K]
param m[k] : real
latent z[s, 0] ~ Categorical(start)
latent z[s, T] ~ Categorical(A[z[s, T-1]])
observed y[s, t] ~ Normal(m[z[s, t]], sd=1)
