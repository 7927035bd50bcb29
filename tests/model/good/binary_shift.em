model BinaryShift
plate n in N
param p : unit
param r : positive
latent z[n] ~ Bernoulli(p)
observed y[n] ~ Normal(p*z[n] + 1, sd=r)
