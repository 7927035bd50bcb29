model M
time t in T
latent z[0] ~ Normal(0, sd=1)
latent z[1] ~ Normal(0, sd=1)
latent z[t] ~ Normal(z[t-1] - z[t-2], sd=1)
