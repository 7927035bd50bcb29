model Twice
plate n in x
observed x[n] ~ Normal(0, sd=1)
