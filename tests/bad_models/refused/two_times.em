model M()
time t in T
time u in U
param v : positive
latent x[0, u] ~ Normal(0, var=1)
latent x[t, 0] ~ Normal(0, var=1)
latent x[t, u] ~ Normal(0.5 * x[t-1, u] + 0.3 * x[t, u-1], var=v)
observed y[t, u] ~ Normal(x[t, u], var=v)
