model Regression
plate n in N
given X[n] : real[P]
param b : real[P]
param s : positive
given Z[n] : real[Q]
observed y[n] ~ Normal(sum(X[n] + Z[n]), sd=s)
