model M
time t in T
latent z[t+1] ~ Normal(z[t], sd=1)
