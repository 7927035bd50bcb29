model ManyStates
plate n in N
param share : simplex[20]
param b : positive
latent z[n] ~ Categorical(share)
observed y[n] ~ Poisson(1 + b * z[n])
