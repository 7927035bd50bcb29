model M() plate n in N param p : unit param d : unit
latent a[n] ~ Bernoulli(p)
latent x[n] ~ PointMass(1 - a[n]/2)
observed y[n] ~ Bernoulli(d * x[n])
