# Factor analysis: a few factors with a loading for each column, and a residual variance for each column.
model Factors(L = 1)
plate n in N, d in D
param loading[d] : real[L]
param mean[d]    : real
param unique[d]  : positive
latent factor[n] ~ MvNormal(zeros(L), cov=eye(L))
observed x[n, d] ~ Normal(loading[d] @ factor[n] + mean[d], var=unique[d])
