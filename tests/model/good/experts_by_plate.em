model ExpertsByPlate(K = 2)
plate n in N, k in K
given x[n] : real[P]
param V[k] : real[P]
param w[k] : real[P]
latent z[n] ~ Categorical(softmax(V @ x[n]))
observed y[n] ~ Normal(w[z[n]] @ x[n], sd=1)
fix V[0] = 0
