model RegressionMixture(K = 2)
plate n in N, k in K
given X[n] : real[P]
param pi : simplex[K]
param b[k] : real[P]
param v[k] : positive
latent z[n] ~ Categorical(pi)
observed y[n] ~ Normal(X[n] @ b[z[n]], var=v[z[n]])
