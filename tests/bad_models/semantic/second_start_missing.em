model Second
time t in T
observed y[0] ~ Normal(0, sd=1)
observed y[t] ~ Normal(y[t-1] - y[t-2], sd=1)
