model Prior
plate n in N
param s : positive ~ Normal(0, sd=1)
observed x[n] ~ Normal(0, sd=s)
