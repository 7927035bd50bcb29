model Sizes
plate s in S
plate i in I[s], j in I
observed x[s, i] ~ Normal(0, sd=1)
