model Sample
plate n in N
param mu : real
observed y[n] ~ Normal(mu, sigma=1)
