model Sizes
plate n in N
param S : cov[E]
param mu : real ~ MvNormal(0, cov=S)
observed x[n] ~ Normal(mu, sd=1)
