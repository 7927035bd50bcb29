model M()
plate n in N
param m : real
latent r[n] ~ Beta(2, 2)
observed y[n] ~ Normal(m * r[n], var=1)
