model Spread
plate n in N
param S : real[D, D]
observed x[n] ~ MvNormal(0, cov=S)
