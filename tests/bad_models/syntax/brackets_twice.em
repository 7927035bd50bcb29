model M
plate s in S
time t in T[s]
latent z[s][t] ~ Normal(0, sd=1)
