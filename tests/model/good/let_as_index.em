model LetAsIndex(K = 2)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real
latent z[n] ~ Categorical(pi)
let c[n] = z[n]
observed y[n] ~ Normal(mu[c[n]], sd=1)
