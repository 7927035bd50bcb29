model Lambda
plate n in N
param lambda : positive ~ Gamma(1, rate=1)
observed y[n] ~ Poisson(lambda)
