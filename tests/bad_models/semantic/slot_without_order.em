model Walk
plate n in N
latent x[0] ~ Normal(0, sd=1)
latent x[n] ~ Normal(1, sd=1)
observed y[n] ~ Normal(x[n], sd=1)
