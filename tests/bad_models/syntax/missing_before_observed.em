model M
plate n in N
missing observed y[n] ~ Normal(0, sd=1)
