model CountPlusCount
plate n in N
param p : unit
param k : positive
latent g[n] ~ Geometric(p)
observed x[n] ~ Poisson(k + g[n])
