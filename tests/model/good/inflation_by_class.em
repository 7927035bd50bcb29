model InflationByClass
plate n in N, k in K
param q[k] : unit
param pi : simplex[K]
latent c[n] ~ Categorical(pi)
latent z[n] ~ Bernoulli(q[c[n]])
observed y[n] ~ switch(z[n], PointMass(0), Binomial(10, q[c[n]]))
