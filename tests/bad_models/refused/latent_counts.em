model LatentCounts
plate n in N
param rate : positive
param p : unit
latent c[n] ~ Poisson(rate)
observed y[n] ~ Binomial(c[n], p)
