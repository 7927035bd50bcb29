model SecondOrderChain(K = 2)
plate k in K
time t in T
plate l in K
param A[k, l] : simplex[K]
param p : simplex[K]
param mu[k] : real
latent z[0] ~ Categorical(p)
latent z[1] ~ Categorical(A[z[0], z[0]])
latent z[t] ~ Categorical(A[z[t-2], z[t-1]])
observed y[t] ~ Normal(mu[z[t]], sd=1)
