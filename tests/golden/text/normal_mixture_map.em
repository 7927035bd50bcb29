model NormalMixtureMap(K = 2)
plate n in N, k in K
param pi : simplex[K] ~ Dirichlet(2)
param mu[k] : real ~ Normal(1, sd=5)
param tau[k] : positive ~ Gamma(2, rate=1.5)
latent z[n] ~ Categorical(pi)
observed x[n] ~ Normal(mu[z[n]], prec=tau[z[n]])
