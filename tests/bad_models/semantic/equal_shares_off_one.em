model Shares()
plate n in N, k in 3
param m[k] : real
latent z[n] : index[3] ~ Categorical(0.2)
observed y[n] ~ Normal(m[z[n]], sd=1)
