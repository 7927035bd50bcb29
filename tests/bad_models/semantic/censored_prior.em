model Limits
plate n in N
param s : positive ~ Gamma(1, rate=1) censored(0, 5)
observed x[n] ~ Normal(0, sd=s)
