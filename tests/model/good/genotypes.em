model Genotypes
plate n in N
param a : unit
observed y[n] ~ Categorical([a**2, 2*a*(1-a), (1-a)**2])
