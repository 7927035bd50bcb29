model FactorAnalysis(L = 1)
plate n in N, d in D
param W[d] : real[L]
param m[d] : real
param psi[d] : positive
latent f[n] ~ MvNormal(zeros(L), cov=eye(L))
observed x[n, d] ~ Normal(W[d] @ f[n] + m[d], var=psi[d])
