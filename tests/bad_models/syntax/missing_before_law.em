model M
plate n in N
observed y[n] ~ missing Normal(0, sd=1)
