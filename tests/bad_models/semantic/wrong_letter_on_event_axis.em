model Rows
plate n in N, h in H, d in D
param W[d] : real[H]
observed x[n, d] ~ Normal(W[d, n], sd=1)
