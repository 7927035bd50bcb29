# Probabilistic principal components: factor analysis with one residual variance, so `var` has no letter.
model Components(L = 2)
plate n in N, d in D
param loading[d] : real[L]
param mean[d]    : real
param var        : positive
latent score[n]  ~ MvNormal(zeros(L), cov=eye(L))
observed x[n, d] ~ Normal(loading[d] @ score[n] + mean[d], var=var)
