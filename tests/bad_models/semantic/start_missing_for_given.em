model Delayed
time t in T
param a : real
given u[t] : real
observed y[t] ~ Normal(a * u[t-1], sd=1)
