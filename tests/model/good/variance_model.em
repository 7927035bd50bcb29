model VarianceModel
plate n in N
given x[n] : real
param a : real
param b : real
param s : positive
observed y[n] ~ Normal(a + b*x[n], sd=exp(a*x[n]))
