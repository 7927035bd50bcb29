model Chance(K = 3)
plate n in N
param p : positive[K]
observed x[n] ~ Categorical(p)
