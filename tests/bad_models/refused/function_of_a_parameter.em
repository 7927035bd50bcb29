model M()
plate n in N
given x[n] : real
param b : real
observed y[n] ~ Poisson(exp(b * x[n]))
