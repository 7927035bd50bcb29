model M
plate n in N
latent z[n]
observed x[n] ~ Normal(z[n], sd=1)
