model Chain(K = 2)
plate k in K
time t in T
param start : simplex[K]
param A : simplex[K]
param m[k] : real
latent z[0] ~ Categorical(start)
latent z[t] ~ Categorical(A[z[t-1]])
observed y[t] ~ Normal(m[z[t]], sd=1)
