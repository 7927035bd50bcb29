model FixedLoadings
plate n in N
param W : real[D, H]
latent f[n] ~ MvNormal(0, cov=eye(H))
observed x[n] ~ MvNormal(W @ f[n], cov=eye(D))
fix W[0, 1] = 0
fix W[0, 0] = 1
