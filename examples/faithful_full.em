# A mixture of bivariate normals, each component with its own full covariance matrix.
model FaithfulFull(K = 2)
plate n in N, k in K
param share    : simplex[K]
param mean[k]  : real[D]
param cov[k]   : cov[D]
latent kind[n] ~ Categorical(share)
observed x[n]  ~ MvNormal(mean[kind[n]], cov=cov[kind[n]])
order mean by k
