# A local level: what is seen each year is a random walk, and noise.
model Nile()
time t in T
param drift : positive
param noise : positive
latent level[0] ~ Normal(1000, var=100000)
latent level[t] ~ Normal(level[t-1], var=drift)
observed flow[t] ~ Normal(level[t], var=noise)
