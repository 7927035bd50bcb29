model Sizes
plate n in N
param mu : real[D]
param S : cov[E]
observed x[n] ~ MvNormal(mu, cov=S)
