model M(alpha = 1)
plate k in K
param mu[k] : real[D]
param pi : simplex[K] ~ Dirichlet(alpha)
param scale ~ Exponential(rate=1)
