model M()
time t in T
plate n in N
param a : real
param v : positive
latent x[0, n] : real ~ PointMass(1)
latent x[t, n] ~ Normal(a * x[t-1, n], var=v)
observed y[t, n] ~ Normal(x[t, n], var=v)
