model MissingInCounts(D = 3)
plate n in N
param p : simplex[D]
observed y[n] missing ~ Multinomial(5, p)
