model M
plate n in N
latent z[n] ~ Normal(0, sd=1)
