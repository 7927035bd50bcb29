model M
plate s in S
time t in T[s]
latent z[s, 0] ~ Normal(0, sd=1)
latent z[s, 1] ~ Normal(0, sd=1)
