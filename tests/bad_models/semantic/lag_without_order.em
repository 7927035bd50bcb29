model Walk
plate n in N
latent x[n] ~ Normal(x[n-1], sd=1)
observed y[n] ~ Normal(x[n], sd=1)
