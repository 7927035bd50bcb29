model MvNormalMissing
plate n in N
param m : real[D]
param Sigma : cov[D]
observed x[n] missing ~ MvNormal(m, cov=Sigma)
