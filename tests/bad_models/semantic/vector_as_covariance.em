model Diagonal
plate n in N
param mu : real[D]
param v : positive[D]
observed x[n] ~ MvNormal(mu, cov=v)
