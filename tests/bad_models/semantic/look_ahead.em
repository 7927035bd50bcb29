model Walk
time t in T
latent x[t] ~ Normal(x[t+1], sd=1)
observed y[t] ~ Normal(x[t], sd=1)
