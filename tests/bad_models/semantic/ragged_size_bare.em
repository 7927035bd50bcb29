model Bags
plate s in S
plate i in I[s]
observed y[s, i] ~ Poisson(I)
