plate n in N
observed x[n] ~ Normal(0, sd=1)
