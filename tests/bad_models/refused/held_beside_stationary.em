model M(K = 3)
plate k in K
time t in T
param A[k] : simplex[K]
param rate[k] : positive
latent z[0] ~ Categorical(stationary(A))
latent z[t] ~ Categorical(A[z[t-1]])
observed y[t] ~ Poisson(rate[z[t]])
fix A[0, 2] = 0
