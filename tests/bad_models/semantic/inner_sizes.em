model Factors(H = 2)
plate n in N
param W : real[D, H]
latent f[n] ~ MvNormal(0, cov=eye(H))
observed x[n] ~ MvNormal(f[n] @ W, cov=eye(D))
