model Chain(K = 2, L = 1)
plate k in K
time t in T
param A[k] : simplex[K]
param m[k] : real
latent z[0] ~ Categorical(ones(K) / K)
latent z[t] ~ Categorical(A[z[t-L]])
observed y[t] ~ Normal(m[z[t]], sd=1)
