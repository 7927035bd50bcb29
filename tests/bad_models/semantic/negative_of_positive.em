model Spread
plate n in N
param s : positive
observed x[n] ~ Normal(0, sd=-s)
