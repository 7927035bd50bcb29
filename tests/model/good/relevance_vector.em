model RelevanceVector
plate d in D, n in N
param alpha : positive[H] ~ Gamma(1, rate=1)
param W[d] : real[H] ~ MvNormal(0, prec=diag(alpha))
latent z[n] ~ MvNormal(0, cov=eye(H))
observed x[n, d] ~ Normal(W[d] @ z[n], sd=1)
