model Chance
plate n in N
param w : simplex[3]
observed x[n] ~ Bernoulli(w)
