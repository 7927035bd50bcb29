model Untyped
plate n in N
param m ~ Normal(0, sd=1)
observed y[n] ~ Normal(m, sd=1)
