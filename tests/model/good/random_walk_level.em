model RandomWalkLevel
time t in T
param s : positive
param b[0] : real ~ Normal(0, sd=1)
param b[t] : real ~ Normal(b[t-1], sd=1)
observed y[t] ~ Normal(b[t], sd=s)
