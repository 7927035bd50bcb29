# The same mixture with one covariance matrix for all components: the letter `k` is left off.
model FaithfulTied(K = 3)
plate n in N, k in K
param share    : simplex[K]
param mean[k]  : real[D]
param cov      : cov[D]
latent kind[n] ~ Categorical(share)
observed x[n]  ~ MvNormal(mean[kind[n]], cov=cov)
