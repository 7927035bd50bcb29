model Sizes(S0 = 1)
plate n in N
latent f[n] ~ MvNormal(0, cov=S0)
observed x[n] ~ Normal(sum(f[n]), sd=1)
