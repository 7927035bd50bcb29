model Regression
plate n in N
given X[n] : real[P]
param b : real[P]
param s : positive
observed y[n] ~ Poisson(exq(X[n] @ b))
