model StatesUntold
plate n in N, k in K
given level[k] : real
param share : simplex[K]
param b : positive
latent z[n] ~ Categorical(share)
observed x[n] ~ Normal(level[z[n]], var=1)
observed y[n] ~ Poisson(1 + b * z[n])
