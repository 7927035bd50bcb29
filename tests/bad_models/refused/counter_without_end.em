model CounterWithoutEnd()
time t in T
param q : unit
param m : real
latent e[t] ~ Bernoulli(q)
latent d[0] ~ PointMass(0)
latent d[t] ~ PointMass(d[t-1] + e[t])
observed y[t] ~ Normal(m*d[t], sd=1)
