model GivenCovariance
plate n in N
given C : cov[N]
param s : positive
latent f ~ MvNormal(0, cov=s*C)
observed y[n] ~ Normal(f[n], sd=s)
