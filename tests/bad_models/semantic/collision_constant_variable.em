model Twice(s = 1)
plate n in N
param s : positive
observed x[n] ~ Normal(0, sd=s)
