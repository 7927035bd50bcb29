model M
plate n in N
latent z[n] missing ~ Normal(0, sd=1)
