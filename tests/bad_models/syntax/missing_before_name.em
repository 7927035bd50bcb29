model M
plate n in N
observed missing y[n] : real ~ Normal(0, sd=1)
