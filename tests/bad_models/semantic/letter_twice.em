model Pairs
plate i in I
observed x[i, i] ~ Normal(0, sd=1)
