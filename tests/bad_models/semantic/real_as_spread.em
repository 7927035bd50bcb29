model Spread
plate n in N
param s : real
observed x[n] ~ Normal(0, sd=s)
