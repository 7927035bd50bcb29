model ExpertsByMatrix(K = 2)
plate n in N, k in K
given x[n] : real[P]
param V : real[K, P]
param w[k] : real[P]
param s[k] : positive
latent z[n] ~ Categorical(logits=V @ x[n])
observed y[n] ~ Normal(w[z[n]] @ x[n], sd=s[z[n]])
