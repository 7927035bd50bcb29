model Chance
plate n in N
observed x[n] ~ Bernoulli(3/2)
