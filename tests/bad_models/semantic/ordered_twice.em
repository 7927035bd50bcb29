model Mixture(K = 3)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real
param s : positive
latent z[n] ~ Categorical(pi)
param v[k] : positive
observed x[n] ~ Normal(mu[z[n]], var=v[z[n]])
order mu by k
order v by k
