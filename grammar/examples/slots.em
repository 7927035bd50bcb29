model M
plate s in S
time t in T[s]
latent z[s, 0] ~ Normal(0, sd=1)
latent z[s, t] ~ Normal(z[s, t-1], sd=1)
