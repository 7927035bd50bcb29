model LocalLevel()
time t in T
param q : positive
latent x[0] ~ Normal(0, var=inf)
latent x[t] ~ Normal(x[t-1], var=q)
observed y[t] ~ Normal(x[t], var=1)
