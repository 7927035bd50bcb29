model Delayed
time t in T
param a : real
given u[t] : real
let eta[t] = a * u[t-1]
observed y[t] ~ Normal(eta[t], sd=1)
