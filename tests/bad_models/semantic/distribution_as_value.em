model Regression
plate n in N
given X[n] : real[P]
param b : real[P]
param s : positive
dist Gumbel(y : real | m : real) = -(y - m) - exp(-(y - m))
observed y[n] ~ Normal(Gumbel, sd=s)
