model MissingMatrix(D = 2)
plate n in N
param S : cov[D]
observed y[n] missing ~ Wishart(5, scale=S)
