model M
plate n in N, m in M
observed x[n] ~ Normal(0, sd=1)
observed x[m] ~ Normal(1, sd=1)
