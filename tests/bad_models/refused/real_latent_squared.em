model RealLatentSquared()
plate n in N
param m : real
param b : real
latent u[n] ~ Normal(m, sd=1)
observed v[n] ~ Normal(b * u[n] * u[n], sd=1)
