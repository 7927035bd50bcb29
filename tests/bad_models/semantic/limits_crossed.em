model Limits
plate n in N
observed x[n] ~ Normal(0, sd=1) truncated(1, 0)
