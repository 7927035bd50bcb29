model NormalInverseWishart(S0 = 1)
plate k in K, n in N
param S[k] : cov[D] ~ InvWishart(D + 2, scale=S0*eye(D))
param pi : simplex[K] ~ Dirichlet(ones(K)/K)
param m[k] : real[D] ~ MvNormal(0, cov=S[k])
latent z[n] ~ Categorical(pi)
observed x[n] ~ MvNormal(m[z[n]], cov=S[z[n]])
