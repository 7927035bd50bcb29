model Chain(K = 2)
plate k in K
time t in T
param start : simplex[K]
param A[k] : simplex[K]
param rate[k] : positive
latent z[0] ~ Categorical(start)
latent z[t] ~ Categorical(A[z[t-1]])
observed y[0] ~ Normal(0, sd=1)
observed y[t] ~ Poisson(rate[z[t]])
