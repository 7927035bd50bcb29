model Rows
plate n in N, g in G
param mu[g] : real
observed x[n] ~ Normal(mu[n], sd=1)
