model Bags
plate s in S
plate i in I[s]
observed y[i] ~ Normal(0, sd=1)
