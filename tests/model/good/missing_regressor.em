model MissingRegressor
plate n in N
param a : real
param s : positive
observed x[n] missing ~ Normal(a, sd=s)
observed y[n] ~ Normal(2*x[n], sd=s)
