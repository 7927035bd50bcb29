model Regression
plate n in N
given X[n] : real[P]
param b : real[P]
param s : positive
observed y[n] ~ Categorical([1/2, X[n], 1/4])
