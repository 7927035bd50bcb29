model RelevanceScalar
plate d in D, n in N, h in H
param alpha[h] : positive ~ Gamma(1, rate=1)
param w[d, h] : real ~ Normal(0, prec=alpha[h])
latent z[n, h] ~ Normal(0, sd=1)
observed x[n, d] ~ Normal(sum(w[d, h]*z[n, h], h), prec=1)
observed q[n, d] ~ Normal(w[d] @ z[n], prec=1)
