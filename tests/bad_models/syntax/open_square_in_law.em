model M
plate s in S
latent z[s] ~ Categorical(A[u[s])
observed y[s] ~ Poisson(z[s])
