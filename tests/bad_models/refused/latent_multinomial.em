model LatentMultinomial
plate n in N
param p : simplex[3]
param b : real
latent c[n] ~ Multinomial(2, p)
observed y[n] ~ Normal(b*c[n, 0], var=1)
