model M
plate n in N
x[n] ~ Normal(0, sd=1)
