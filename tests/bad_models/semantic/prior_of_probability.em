model Prior
plate n in N
param p : unit ~ Gamma(1, rate=1)
observed x[n] ~ Bernoulli(p)
