model Limits(C = 5)
plate n in N
param s : positive
observed y[n] ~ Normal(0, sd=s) censored(-inf, C)
observed w[n] ~ Gamma(2, rate=s) truncated(1, 7)
