model Chance
plate n in N
observed x[n] ~ Categorical([0.5, 0.25, 0.2])
