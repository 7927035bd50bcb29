model Regression
plate n in N
given X[n] : real[P]
param b : real[P]
param s : positive
observed y[n] ~ Normal(0, sd=s) censored(X[n], inf)
