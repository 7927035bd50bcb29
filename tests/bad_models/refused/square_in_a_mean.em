model SquareInAMean()
plate n in N
param m : real
param b : real
latent u[n] ~ Normal(m, sd=1)
observed v[n] ~ Normal(b * u[n]**2, sd=1)
