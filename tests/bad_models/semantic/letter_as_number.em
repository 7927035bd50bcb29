model Trend
time t in T
param a : real
observed y[t] ~ Normal(a * t, sd=1)
