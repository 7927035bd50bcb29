model GivenKernel
plate n in N
given C : real[N, N]
param s : positive
latent f ~ MvNormal(0, cov=C)
observed y[n] ~ Normal(f[n], sd=s)
