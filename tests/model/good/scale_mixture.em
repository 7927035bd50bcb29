model ScaleMixture(K = 2)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real[D]
param S : cov[D]
latent z[n] ~ Categorical(pi)
latent u[n] ~ Gamma(2, rate=2)
observed x[n] ~ MvNormal(mu[z[n]], cov=S/u[n])
order mu by k
