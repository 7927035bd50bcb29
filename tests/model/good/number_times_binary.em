model NumberTimesBinary
plate n in N
param p : unit
param r : positive
latent z[n] ~ Bernoulli(p)
observed y[n] ~ Poisson(r*z[n])
