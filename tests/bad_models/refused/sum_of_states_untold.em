model M
plate n in N, j in J
param p : unit
param a : real
latent z[n, j] ~ Bernoulli(p)
observed y[n] ~ Normal(a * sum(z[n, j], j), sd=1)
