model M
plate n in N
param pi : simplex[K]
latent z[n] ~ Categorical(pi)
latent u[n] : real ~ Normal(0, sd=1)
