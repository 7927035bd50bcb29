model PrecisionPrior(H = 2)
plate n in N
param W : real[D, H]
param tau : positive ~ Gamma(1, rate=1)
latent z[n] : real[H] ~ MvNormal(0, cov=eye(H))
observed x[n] ~ MvNormal(W @ z[n], prec=tau*eye(D))
