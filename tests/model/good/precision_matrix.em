model PrecisionMatrix
plate n in N
param S : cov[D] ~ Wishart(5, scale=1)
observed x[n] ~ MvNormal(0, prec=S)
