model Sizes
plate n in N
param S : cov[E]
param mu : real[D] ~ MvNormal(0, cov=S)
observed x[n] ~ MvNormal(mu, cov=eye(D))
