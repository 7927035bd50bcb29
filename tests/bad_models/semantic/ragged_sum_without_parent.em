model Bags
plate s in S
plate i in I[s]
given x[s, i] : real
observed y ~ Normal(sum(x[0, i], i), sd=1)
