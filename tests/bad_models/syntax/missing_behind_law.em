model M
plate n in N
observed y[n] ~ Normal(0, sd=1) missing
