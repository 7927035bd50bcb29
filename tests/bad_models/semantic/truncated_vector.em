model Limits
plate n in N
param mu : real[D]
observed x[n] ~ MvNormal(mu, cov=eye(D)) truncated(0, 1)
