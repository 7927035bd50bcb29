model Chance
plate n in N
param p : positive
observed x[n] ~ Bernoulli(p)
