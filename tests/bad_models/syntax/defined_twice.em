model M
plate n in N
observed x[n] ~ Normal(0, sd=1)
observed x[n] ~ Normal(1, sd=1)
