model Sample
plate n in N
param mu : real
observed y[n] ~ Gaussian(mu, sd=1)
