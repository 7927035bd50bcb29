model ChainMap(K = 2)
plate s in S, k in K
time t in T
param start : simplex[K] ~ Dirichlet(1.5)
param A[k] : simplex[K] ~ Dirichlet([2, 1.5])
param rate[k] : positive ~ Gamma(2, rate=0.5)
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Poisson(rate[z[s, t]])
