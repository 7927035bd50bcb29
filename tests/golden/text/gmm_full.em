model GmmFull(K = 2)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real[D]
param Sigma[k] : cov[D]
latent z[n] ~ Categorical(pi)
observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
